#!/usr/bin/env bash
# Sends ambiguous and bent requests through a real Gatehouse to nginx, Apache, HAProxy, uvicorn and Node, and holds what arrives there to what was
# allowed. matrix.py says what is compared.
#
#   Tests/Smuggling/run.sh [--cases N] [--seed N] [--server NAME]… [--only NUMBER]
#
# 10,000 generated cases and the corpus by default. GATEHOUSE names a binary; without it the debug build is made and used.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=deploy/packages.sh
. deploy/packages.sh
# shellcheck source=deploy/python.sh
. deploy/python.sh

packages=(python3-venv apache2-bin nginx haproxy)
# Any Node will do.
command -v node >/dev/null || packages+=(nodejs)
install_packages "${build_packages[@]}" "${packages[@]}"
# Both codecs of uvicorn, and a signer.
python_environment smuggling uvicorn==0.54.0 h11==0.16.0 httptools cryptography==50.0.2
export GATEHOUSE_SMUGGLING_PYTHON=$python
binary=${GATEHOUSE:-}
if [ -z "$binary" ]; then
  need_swift
  swift build --product gatehouse -j "$(nproc)" </dev/null
  binary=.build/debug/gatehouse
fi
exec "$python" -B Tests/Smuggling/matrix.py --gatehouse "$binary" "$@"
