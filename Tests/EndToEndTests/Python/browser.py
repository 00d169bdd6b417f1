"""Chromium, driven over its DevTools protocol by a pipe.

Arguments: the browser, a folder for its profile, the first address, then steps: `click SELECTOR`, `type SELECTOR TEXT`, `wait SELECTOR`, `picture FILE`, each waiting for what it
needs. Prints {"url", "text", "problems"} of the page on which the last step ends, `problems` being what the browser has reported on the way, such as a policy
that something violates. Ends itself after a minute. HOST and PORT in the environment: where on this machine the browser finds that host, whatever its certificate.
"""

import base64
import json
import os
import subprocess
import sys
import threading
import time

browser, folder, first, steps = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
to_browser, write_end = os.pipe()
read_end, from_browser = os.pipe()
arguments = [
    browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
    f"--user-data-dir={folder}", "--window-size=390,844", "--no-first-run",
]
if "HOST" in os.environ:
    arguments += [f"--host-resolver-rules=MAP {os.environ['HOST']}:443 127.0.0.1:{os.environ['PORT']}", "--ignore-certificate-errors"]
process = subprocess.Popen(
    ["/bin/sh", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "sh"] + arguments,
    pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    env={"HOME": folder, "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
)
os.close(to_browser)
os.close(from_browser)
answers = os.fdopen(read_end, "rb")
problems = []
session = None
count = 0


def give_up():
    process.kill()
    os._exit(3)


timer = threading.Timer(60, give_up)
timer.daemon = True
timer.start()


def message():
    text = b""
    while not text.endswith(b"\0"):
        byte = answers.read(1)
        if not byte:
            raise SystemExit("the browser has ended")
        text += byte
    return json.loads(text[:-1])


def ask(method, **parameters):
    global count
    count += 1
    command = {"id": count, "method": method, "params": parameters}
    if session:
        command["sessionId"] = session
    os.write(write_end, json.dumps(command).encode() + b"\0")
    while True:
        answer = message()
        if answer.get("id") == count:
            return answer.get("result", {})
        if answer.get("method") == "Log.entryAdded":
            problems.append(answer["params"]["entry"]["text"])


def evaluate(script):
    return ask("Runtime.evaluate", expression=script, returnByValue=True).get("result", {}).get("value")


def wait(selector):
    quoted = json.dumps(selector)
    while not evaluate(f"document.readyState === 'complete' && !!document.querySelector({quoted})"):
        time.sleep(0.02)
    return f"document.querySelector({quoted})"


target = ask("Target.createTarget", url="about:blank")["targetId"]
session = ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
ask("Log.enable")
ask("Page.enable")
ask("Page.navigate", url=first)
for step in steps:
    verb, rest = step.split(" ", 1)
    if verb == "click":
        # Gone from the page that follows.
        evaluate(f"window.isLeft = true, {wait(rest)}.click()")
        if not rest.startswith("summary"):
            while evaluate("window.isLeft === true"):
                time.sleep(0.02)
    elif verb == "type":
        selector, text = rest.split(" ", 1)
        evaluate(f"{wait(selector)}.value = {json.dumps(text)}")
    elif verb == "wait":
        wait(rest)
    elif verb == "picture":
        wait("body")
        data = ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        with open(rest, "wb") as file:
            file.write(base64.b64decode(data))
wait("body")
print(json.dumps({"url": evaluate("location.href"), "text": evaluate("document.body.innerText"), "problems": problems}), flush=True)
process.kill()
process.wait()
os._exit(0)
