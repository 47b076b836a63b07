"""Reads what to open and what to verify as lines of JSON, and answers each with a line. First argument: folder of the verifier."""

import dataclasses
import json
import sys
from urllib.parse import unquote

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from gatehouse_verifier import AssertionVerifier, Refusal, Request, SignatureVerifier  # noqa: E402

verifiers = {}
seconds = 0


def use_once(seen):
    return lambda key_id, nonce, expires: nonce not in seen and not seen.add(nonce)


def open_verifier(name, kind, options):
    now = lambda: seconds  # noqa: E731
    if kind == "assertion":
        known = {"jwks_url": options["jwksUrl"], "issuer": options["issuer"], "audience": options["audience"]}
        verifiers[name] = AssertionVerifier(**known, algorithms=options.get("algorithms", ["ES256"]), now=now)
    else:
        use_nonce = use_once(set()) if options.get("nonces") else None
        verifiers[name] = SignatureVerifier(options["keys"], options["fields"], use_nonce=use_nonce, now=now)


def request_of(command):
    """By hand, or as a server of the kind that `through` names gives it to an application."""
    method, target, fields = command["method"], command["target"], [tuple(field) for field in command["fields"]]
    path, _, query = target.partition("?")
    if command.get("through") == "wsgi":
        environ = {"REQUEST_METHOD": method, "PATH_INFO": unquote(path), "QUERY_STRING": query, "RAW_URI": target}
        for name, value in fields:
            variable = "HTTP_" + name.upper().replace("-", "_")
            environ[variable] = f"{environ[variable]},{value}" if variable in environ else value
        return Request.from_wsgi(environ)
    if command.get("through") == "asgi":
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        scope = {"method": method, "path": unquote(path), "raw_path": path.encode(), "query_string": query.encode()}
        return Request.from_asgi({**scope, "headers": headers})
    return Request(method, target, fields)


for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "open":
        open_verifier(command["name"], command["kind"], command["options"])
        answer = {}
    else:
        seconds = command["now"]
        request = request_of(command)
        verifier = verifiers[command["name"]]
        if isinstance(verifier, AssertionVerifier):
            verdict = verifier(request)
        else:
            verdict = verifier(request, None if command["body"] is None else command["body"].encode())
        if isinstance(verdict, Refusal):
            answer = {"ok": bool(verdict), "code": verdict.code, "cause": repr(verdict.cause)}
        else:
            identity = dataclasses.asdict(verdict)
            answer = {"ok": True, "identity": {**identity, "bodyBound": identity.get("body_bound")}}
    print(json.dumps(answer), flush=True)
