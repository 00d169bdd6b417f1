-- Verifies what Cloudflare Access signs: RS256 through the libcrypto that nginx is linked with, and the claims. Verdicts are remembered by the whole
-- assertion, as many as Gatehouse remembers, until the assertion ends.
local ffi = require "ffi"
local json = require "cjson.safe"
local decoded = require("ngx.base64").decode_base64url

ffi.cdef [[
typedef struct bio_st BIO;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_md_st EVP_MD;
BIO *BIO_new_mem_buf(const void *bytes, int count);
EVP_PKEY *PEM_read_bio_PUBKEY(BIO *source, EVP_PKEY **key, void *callback, void *argument);
EVP_MD_CTX *EVP_MD_CTX_new(void);
int EVP_MD_CTX_reset(EVP_MD_CTX *context);
const EVP_MD *EVP_sha256(void);
int EVP_DigestVerifyInit(EVP_MD_CTX *context, void *key_context, const EVP_MD *kind, void *engine, EVP_PKEY *key);
int EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature, size_t length, const unsigned char *bytes, size_t count);
void ERR_clear_error(void);
]]

local access = {}
local crypto = ffi.C
local key, context, issuer, audience, kid, remembered

function access.start(settings)
  local file = assert(io.open(settings.pem))
  local pem = file:read("*a")
  file:close()
  key = crypto.PEM_read_bio_PUBKEY(crypto.BIO_new_mem_buf(pem, #pem), nil, nil, nil)
  assert(key ~= nil, "no key in " .. settings.pem)
  context = crypto.EVP_MD_CTX_new()
  issuer, audience, kid = settings.issuer, settings.audience, settings.kid
  remembered = assert(require("resty.lrucache").new(settings.cache))
end

local function is_signed(bytes, signature)
  crypto.EVP_MD_CTX_reset(context)
  local good = crypto.EVP_DigestVerifyInit(context, nil, crypto.EVP_sha256(), nil, key) == 1
    and crypto.EVP_DigestVerify(context, signature, #signature, bytes, #bytes) == 1
  if not good then crypto.ERR_clear_error() end
  return good
end

local function is_for_us(claims)
  if type(claims.aud) ~= "table" then return claims.aud == audience end
  for _, name in ipairs(claims.aud) do
    if name == audience then return true end
  end
  return false
end

local function table_of(segment)
  local text = decoded(segment)
  local value = text and json.decode(text)
  return type(value) == "table" and value or nil
end

-- The caller's address, or nil.
function access.caller(assertion)
  local now = ngx.time()
  local known = remembered:get(assertion)
  if known then return known.exp > now and known.email or nil end
  if #assertion > 8192 then return nil end
  local head, payload, signature = assertion:match("^([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
  if not head then return nil end
  local header = table_of(head)
  if not header or header.alg ~= "RS256" or header.kid ~= kid then return nil end
  local bytes = decoded(signature)
  if not bytes or not is_signed(head .. "." .. payload, bytes) then return nil end
  local claims = table_of(payload)
  if not claims or claims.iss ~= issuer or not is_for_us(claims) then return nil end
  if type(claims.exp) ~= "number" or claims.exp <= now then return nil end
  if claims.nbf and claims.nbf > now + 30 then return nil end
  if type(claims.email) ~= "string" then return nil end
  remembered:set(assertion, { exp = claims.exp, email = claims.email }, claims.exp - now)
  return claims.email
end

return access
