"""Verifies what Gatehouse sends to an upstream. Python 3.9 or later; ../README.md says which of the two to use.

    verify = AssertionVerifier(jwks_url=GATEWAY + "/.well-known/jwks.json", issuer=GATEWAY, audience="legacy")
    verdict = verify(Request.from_wsgi(environ))  # or from_asgi(scope); SignatureVerifier(keys, fields) is called in the same way
    if not verdict.ok: return answer(503 if verdict.code == "keys_unavailable" else 401)  # else: verdict.tenant, verdict.subject, ...

A verifier never raises about a request: what cannot be verified is a `Refusal`, which is false where a truth value is taken.
Request signatures need the standard library alone. Assertions need the package `cryptography`, since the library has no ECDSA.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import threading
import time
import urllib.request
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

LONGEST_ASSERTION = 16_384
DEEPEST_JSON = 64
# Seconds: between two questions for the keys; of an answer without max-age; past it, while nobody answers.
COOL_DOWN = 10
DEFAULT_MAX_AGE = 300
STALE = 600


@dataclass(frozen=True)
class Request:
    """A request as it was received. `target`: path and query, not decoded. `fields`: names and values, in Latin-1."""

    method: str
    target: str
    fields: Sequence[Tuple[str, str]]

    @staticmethod
    def from_wsgi(environ: Mapping[str, Any]) -> "Request":
        """PATH_INFO is decoded already, so the server has to give RAW_URI (gunicorn) or REQUEST_URI (mod_wsgi, uWSGI)."""
        fields = [(name[5:], value) for name, value in environ.items() if name.startswith("HTTP_")]
        return Request(environ["REQUEST_METHOD"], environ.get("RAW_URI") or environ.get("REQUEST_URI") or "", fields)

    @staticmethod
    def from_asgi(scope: Mapping[str, Any]) -> "Request":
        target = (scope.get("raw_path") or b"") + b"?" + scope["query_string"]
        fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        return Request(scope["method"], target.decode("latin-1"), fields)


@dataclass(frozen=True)
class Refusal:
    code: str
    cause: Optional[BaseException] = None
    ok = False

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True)
class Asserted:
    """Who acts, by the assertion."""

    subject: str
    tenant: Optional[str]
    client: Optional[str]
    roles: Sequence[str]
    scopes: Sequence[str]
    profile: Mapping[str, Any]
    expires_at: float
    ok = True


@dataclass(frozen=True)
class Signed:
    """Who acts, by the signed fields: values by the names that were given (None without one)."""

    fields: Mapping[str, Optional[str]]
    body_bound: bool
    ok = True


class _Refused(Exception):
    pass


def _check(condition: bool, code: str) -> None:
    if not condition:
        raise _Refused(code)


def _verdict_of(decide: Callable[[], Any]) -> Any:
    try:
        return decide()
    except _Refused as refused:
        return Refusal(str(refused), refused)
    except Exception as cause:  # A framework could take an exception for "nobody is logged in".
        return Refusal("internal", cause)


class _Fields:
    """Values by name; names that some server takes for one (X_Tenant_Id, X-Tenant-Id) are one."""

    def __init__(self, pairs: Sequence[Tuple[str, str]]) -> None:
        self._values: Dict[str, List[str]] = {}
        for name, value in pairs:
            self._values.setdefault(self._fold(name), []).append(value.strip("\t "))

    @staticmethod
    def _fold(name: str) -> str:
        return re.sub(r"[^a-z0-9]", "-", name.lower())

    def single(self, name: str, code_if_repeated: str) -> str:
        """The value of a field that may come once at most; empty if it is absent."""
        values = self._values.get(self._fold(name), [])
        _check(len(values) < 2, code_if_repeated)
        value = values[0] if values else ""
        # A line break would make two lines of a signature base out of one.
        _check(re.fullmatch(r"[\t\x20-\x7e\x80-\xff]*", value) is not None, "request_malformed")
        return value


class AssertionVerifier:
    """Verifies X-Gatehouse-Assertion: who acts, for which tenant. It does not bind the request.

    `algorithms`: what the upstream's `assertion.algorithm` says. `now`: seconds since the epoch.
    """

    def __init__(
        self,
        jwks_url: str,
        issuer: str,
        audience: str,
        algorithms: Sequence[str] = ("ES256",),
        field: str = "X-Gatehouse-Assertion",
        skew_seconds: float = 5,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not (jwks_url and issuer and audience):
            raise ValueError("jwks_url, issuer and audience are needed")
        if not set(algorithms) <= {"ES256", "RS256", "EdDSA"}:
            raise ValueError("algorithms: unknown")
        self._issuer, self._audience, self._algorithms = issuer, audience, tuple(algorithms)
        self._field, self._skew, self._now = field, skew_seconds, now
        self._keys = _KeySource(jwks_url, now)

    def __call__(self, request: Request) -> Union[Asserted, Refusal]:
        return _verdict_of(lambda: self._verify(request))

    def _verify(self, request: Request) -> Asserted:
        token = _Fields(request.fields).single(self._field, "assertion_repeated")
        _check(token != "", "assertion_missing")
        is_compact = re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", token) is not None
        _check(is_compact and len(token) <= LONGEST_ASSERTION, "assertion_malformed")
        header_bytes, claim_bytes, signature = (_bytes_of(part) for part in token.split("."))
        header = _object_of(header_bytes)
        _check(header.get("typ") == "gatehouse-assertion+jwt", "type_wrong")
        _check(header.get("alg") in self._algorithms, "algorithm_wrong")
        _check(isinstance(header.get("kid"), str) and "crit" not in header, "assertion_malformed")
        key = self._keys.find(header["kid"], header["alg"])
        signed = token[: token.rindex(".")].encode("ascii")
        _check(_is_signed(key, header["alg"], signed, signature), "signature_wrong")
        claims = _object_of(claim_bytes)
        _check(claims.get("iss") == self._issuer, "issuer_wrong")
        _check(claims.get("aud") == self._audience, "audience_wrong")
        issued_at, expires_at = claims.get("iat"), claims.get("exp")
        _check(_is_number(issued_at) and _is_number(expires_at), "assertion_malformed")
        _check(issued_at <= self._now() + self._skew, "not_yet_valid")
        _check(self._now() < expires_at + self._skew, "expired")
        return _identity_of(claims)


def _is_number(value: Any) -> bool:
    """A finite one; `bool` is an `int` to Python."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**53


def _bytes_of(text: str) -> bytes:
    """Unpadded base64url with no bit to spare: each value has one text."""
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise _Refused("assertion_malformed") from None
    _check(base64.urlsafe_b64encode(decoded).rstrip(b"=").decode("ascii") == text, "assertion_malformed")
    return decoded


def _object_of(data: bytes) -> Dict[str, Any]:
    def members(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
        _check(len({name for name, _ in pairs}) == len(pairs), "assertion_malformed")
        return dict(pairs)

    def no_number(name: str) -> Any:
        raise _Refused("assertion_malformed")

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=members, parse_constant=no_number)
    except (ValueError, RecursionError):
        raise _Refused("assertion_malformed") from None
    _check(isinstance(value, dict) and _depth_of(value) <= DEEPEST_JSON, "assertion_malformed")
    return value


def _depth_of(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST_JSON:
        nested = [each for each in level if isinstance(each, (dict, list))]
        level = [member for each in nested for member in (each.values() if isinstance(each, dict) else each)]
        depth += 1 if nested else 0
    return depth


def _identity_of(claims: Mapping[str, Any]) -> Asserted:
    subject, tenant, client = (claims.get(name) for name in ("sub", "tenant", "client"))
    roles, scope, profile = claims.get("roles", []), claims.get("scope", ""), claims.get("profile", {})
    is_sound = (
        all(name not in claims or (isinstance(claims[name], str) and claims[name]) for name in ("sub", "tenant", "client"))
        and isinstance(roles, list)
        and all(isinstance(role, str) for role in roles)
        and isinstance(scope, str)
        and isinstance(profile, dict)
    )
    _check(is_sound, "assertion_malformed")
    _check(subject is not None, "anonymous")
    scopes = tuple(each for each in scope.split(" ") if each)
    return Asserted(subject, tenant, client, tuple(roles), scopes, profile, claims["exp"])


def _is_signed(key: Any, algorithm: str, signed: bytes, signature: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

    try:
        if algorithm == "ES256":
            if len(signature) != 64:
                return False
            numbers = (int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
            key.verify(utils.encode_dss_signature(*numbers), signed, ec.ECDSA(hashes.SHA256()))
        elif algorithm == "RS256":
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _public_key_of(jwk: Mapping[str, Any]) -> Optional[Tuple[str, Any]]:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    kty, crv = jwk.get("kty"), jwk.get("crv")
    number = lambda name: int.from_bytes(_bytes_of(jwk[name]), "big")  # noqa: E731
    if (kty, crv) == ("EC", "P-256"):
        return "ES256", ec.EllipticCurvePublicNumbers(number("x"), number("y"), ec.SECP256R1()).public_key()
    if (kty, crv) == ("OKP", "Ed25519"):
        return "EdDSA", ed25519.Ed25519PublicKey.from_public_bytes(_bytes_of(jwk["x"]))
    if kty == "RSA" and number("n").bit_length() >= 2048:
        return "RS256", rsa.RSAPublicNumbers(number("e"), number("n")).public_key()
    return None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class _KeySource:
    """The published keys: kept for their max-age, asked for once more when a kid is unknown, never twice within the cool-down."""

    def __init__(self, url: str, now: Callable[[], float]) -> None:
        import cryptography  # noqa: F401 - missing, it shall stop the start of the application, not a request

        self._url, self._now = url, now
        self._lock = threading.Lock()
        self._keys: Dict[str, Tuple[str, Any]] = {}
        self._fresh_until = self._usable_until = self._next_question = 0.0

    def find(self, kid: str, algorithm: str) -> Any:
        with self._lock:
            if self._now() >= self._fresh_until or kid not in self._keys:
                if self._now() >= self._next_question:
                    self._ask()
            _check(self._now() < self._usable_until, "keys_unavailable")
            known_algorithm, key = self._keys.get(kid, (None, None))
        _check(known_algorithm == algorithm, "key_unknown")
        return key

    def _ask(self) -> None:
        """What is known stays usable for a while if nobody answers; without it the verdict is keys_unavailable."""
        self._next_question = self._now() + COOL_DOWN
        try:
            with urllib.request.build_opener(_NoRedirect).open(self._url, timeout=3) as answer:
                if answer.status != 200:
                    return
                document = json.loads(answer.read())
                max_age = re.search(r"(?:^|[\s,])max-age=([0-9]{1,6})", answer.headers.get("Cache-Control", ""), re.I)
            found = {}
            for jwk in document["keys"]:
                known = _public_key_of(jwk)
                if known is not None and jwk.get("alg", known[0]) == known[0]:
                    found[jwk.get("kid")] = known
        except Exception:
            return
        self._keys = found
        self._fresh_until = self._now() + max(COOL_DOWN, int(max_age.group(1)) if max_age else DEFAULT_MAX_AGE)
        self._usable_until = self._fresh_until + STALE


_OF_THE_REQUEST = ("@method", "@authority", "@path", "@query")
_SIGNATURE_INPUT = re.compile(
    r'gatehouse=(\(("[^"]*"(?: "[^"]*"){0,99})\);created=([0-9]{1,11});expires=([0-9]{1,11});'
    r'nonce="([A-Za-z0-9_-]{16,64})";keyid="((?:[^"\\]|\\["\\]){0,256})";alg="([A-Za-z0-9_-]+)")'
)


class SignatureVerifier:
    """Verifies Signature (RFC 9421, hmac-sha256): the identity fields belong to this request.

    `keys`: secrets by key id, the next one beside the current one while they rotate. `fields`: those of the upstream's
    `identity.fields`, and the assertion's if there is one. `use_nonce(key_id, nonce, expires)`: true the first time; without
    it a request can be replayed until it expires. `body`: its bytes, if a Content-Digest shall bind it.
    """

    def __init__(
        self,
        keys: Mapping[str, str],
        fields: Sequence[str],
        use_nonce: Optional[Callable[[str, str, int], bool]] = None,
        skew_seconds: float = 5,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = {key_id: secret.encode("utf-8") for key_id, secret in keys.items()}
        if not self._secrets or min(len(secret) for secret in self._secrets.values()) < 32:
            raise ValueError("keys: at least one secret, each of at least 32 bytes")
        if not fields:
            raise ValueError("fields: the names of the identity fields")
        self._names, self._use_nonce, self._skew, self._now = tuple(fields), use_nonce, skew_seconds, now

    def __call__(self, request: Request, body: Optional[bytes] = None) -> Union[Signed, Refusal]:
        return _verdict_of(lambda: self._verify(request, body))

    def _verify(self, request: Request, body: Optional[bytes]) -> Signed:
        fields = _Fields(request.fields)
        signature_input = fields.single("Signature-Input", "signature_repeated")
        signature = fields.single("Signature", "signature_repeated")
        _check(signature_input != "" and signature != "", "signature_missing")
        parsed = _SIGNATURE_INPUT.fullmatch(signature_input)
        is_sound = re.fullmatch(r"gatehouse=:[A-Za-z0-9+/]+=*:", signature) is not None
        if parsed is None or not is_sound:
            raise _Refused("signature_malformed")
        parameters, listed, created, expires, nonce, quoted_id, algorithm = parsed.groups()
        _check(algorithm == "hmac-sha256", "algorithm_wrong")
        key_id = re.sub(r"\\(.)", r"\1", quoted_id)
        _check(key_id in self._secrets, "key_unknown")

        components = [each[1:-1] for each in listed.split(" ")]
        _check(len(set(components)) == len(components), "signature_malformed")
        lines = [f'"{component}": {_value_of(component, request, fields)}\n' for component in components]
        base = "".join(lines) + f'"@signature-params": {parameters}'
        mac = hmac.new(self._secrets[key_id], base.encode("latin-1"), hashlib.sha256).digest()
        expected = b"gatehouse=:" + base64.b64encode(mac) + b":"
        _check(hmac.compare_digest(expected, signature.encode("latin-1")), "signature_wrong")
        _check(int(created) < int(expires), "signature_malformed")
        _check(int(created) <= self._now() + self._skew, "not_yet_valid")
        _check(self._now() < int(expires) + self._skew, "expired")

        covered = [name.lower() in components for name in self._names]
        _check(all(name in components for name in _OF_THE_REQUEST), "component_missing")
        digest = fields.single("Content-Digest", "field_repeated")
        _check(digest == "" or "content-digest" in components, "component_missing")
        _check(any(covered), "anonymous")
        _check(all(covered), "component_missing")
        bound = digest != "" and body is not None
        _check(not bound or _has_digest(body or b"", digest), "body_changed")
        _check(self._use_nonce is None or self._use_nonce(key_id, nonce, int(expires)) is True, "replayed")
        return Signed({name: fields.single(name, "field_repeated") or None for name in self._names}, bound)


def _value_of(component: str, request: Request, fields: _Fields) -> str:
    """A covered field that is absent counts as empty: some servers drop empty ones."""
    _check(re.fullmatch(r"/[\x21-\x7e\x80-\xff]*", request.target) is not None, "request_malformed")
    _check(re.fullmatch(r"[\x21-\x7e]+", request.method) is not None, "request_malformed")
    path, _, query = request.target.partition("?")
    if component == "@method":
        return request.method
    if component == "@path":
        return path
    if component == "@query":
        return "?" + query
    if component == "@authority":
        host = fields.single("Host", "field_repeated")
        _check(host != "", "request_malformed")
        return host.lower()
    _check(re.fullmatch(r"[a-z0-9!#$%&'*+.^_`|~-]+", component) is not None, "signature_malformed")
    return fields.single(component, "field_repeated")


def _has_digest(body: bytes, field: str) -> bool:
    """RFC 9530: every digest of an algorithm that is known fits, and there is one."""
    members = (re.fullmatch(r"[\t ]*(sha-256|sha-512)=:([^:]*):[\t ]*", each) for each in field.split(","))
    known = [each.groups() for each in members if each is not None]

    def fits(name: str, digest: str) -> bool:
        expected = base64.b64encode(hashlib.new(name.replace("-", ""), body).digest())
        return hmac.compare_digest(expected, digest.encode("latin-1"))

    return bool(known) and all(fits(name, digest) for name, digest in known)
