"""Reads what to open and what to verify as lines of JSON, and answers each with a line. First argument: folder of the verifier."""

import dataclasses
import json
import sys

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


for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "open":
        open_verifier(command["name"], command["kind"], command["options"])
        answer = {}
    else:
        seconds = command["now"]
        request = Request(command["method"], command["target"], [tuple(field) for field in command["fields"]])
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
