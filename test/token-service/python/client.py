"""An OAuth client of a gateway by Authlib and Requests, as its users write one. It tells what it saw as JSON."""

import json
import platform
import sys
from importlib.metadata import version

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

scene = json.load(sys.stdin)
BASE = f"https://localhost:{scene['port']}"
TOKEN, REVOKE, INTROSPECT = (f"{BASE}/oauth/{name}" for name in ("token", "revoke", "introspect"))
ANNA = {"username": "anna", "password": "acme-anna-pw", "tenant": "acme"}


def session_of(client, secret=None, **options):
    secret = secret or scene["secrets"].get(client)
    session = OAuth2Session(client, secret, token_endpoint=TOKEN, default_timeout=10, **options)
    session.verify = scene["ca"]
    # Nothing of the environment, such as a proxy.
    session.trust_env = False
    return session


def tenant_seen(session):
    """The tenant that the upstream is told."""
    answer = session.get(f"{BASE}/api/echo/python")
    answer.raise_for_status()
    fields = {name.lower(): value for name, value in answer.json()["fields"]}
    return fields.get("x-tenant-id")


def me(session):
    """Status, the user that the upstream knows, and the challenge if there is none."""
    answer = session.get(f"{BASE}/api/me")
    name = answer.json()["user"]["name"] if answer.status_code == 200 else None
    return [answer.status_code, name, answer.headers.get("WWW-Authenticate")]


def refusal_of(act, *args, **kwargs):
    try:
        act(*args, **kwargs)
    except OAuthError as error:
        return [error.error, error.description]
    return "none"


def client_credentials(client, method):
    session = session_of(client, token_endpoint_auth_method=method)
    token = session.fetch_token()
    return {
        "type": token["token_type"],
        "scope": token.get("scope"),
        "expiresIn": token["expires_in"],
        "expired": token.is_expired(),
        "tenant": tenant_seen(session),
    }


def renewal():
    """A client that acts for itself gets its next token without being asked."""
    updates = []
    session = session_of(
        "erp",
        grant_type="client_credentials",
        update_token=lambda token, **old: updates.append([token["access_token"], old]),
    )
    first = session.fetch_token()["access_token"]
    session.token["expires_at"] = 1
    tenant = tenant_seen(session)
    current = session.token["access_token"]
    return {
        "tenant": tenant,
        "isNew": current != first,
        "isTold": updates == [[current, {"access_token": first}]],
    }


def user(client):
    """Logs in, refreshes on demand and by itself, introspects, revokes."""
    updates = []
    session = session_of(
        client,
        scope="orders:read",
        update_token=lambda token, refresh_token=None, **_: updates.append([refresh_token, token["refresh_token"]]),
    )
    first = dict(session.fetch_token(**ANNA))
    name = me(session)
    second = dict(session.refresh_token())
    session.token["expires_at"] = 1
    name_refreshed = me(session)
    third = dict(session.token)
    api = session_of("api-acme")
    introspected = api.introspect_token(INTROSPECT, token=third["access_token"]).json()
    revoked = session.revoke_token(REVOKE, token_type_hint="refresh_token")
    return {
        "name": name,
        "nameRefreshed": name_refreshed,
        "scopes": [token["scope"] for token in (first, second, third)],
        "accessTokens": len({token["access_token"] for token in (first, second, third)}),
        "isTold": updates
        == [
            [first["refresh_token"], second["refresh_token"]],
            [second["refresh_token"], third["refresh_token"]],
        ],
        "introspected": {
            key: introspected.get(key) for key in ("active", "client_id", "username", "scope", "tenant", "token_type")
        },
        "revoked": [revoked.status_code, revoked.json()],
        "afterwards": me(session),
        "introspectedAfterwards": api.introspect_token(INTROSPECT, token=third["access_token"]).json(),
        "refreshedAfterwards": refusal_of(session.refresh_token),
    }


def guesses():
    """Guesses a password until it is told something else than that it is wrong."""
    session = session_of("old")
    bert = {"username": "bert", "password": "wrong", "tenant": "acme"}
    refused = (refusal_of(session.fetch_token, **bert) for _ in range(40))
    return next((refusal for refusal in refused if refusal[0] != "invalid_grant"), "never")


def refusals():
    erp = session_of("erp")
    return {
        "password": refusal_of(session_of("old").fetch_token, **{**ANNA, "password": "wrong"}),
        "secret": refusal_of(session_of("erp", "wrong").fetch_token),
        "scope": refusal_of(erp.fetch_token, scope="orders:delete"),
        "grant": refusal_of(session_of("erp").fetch_token, **ANNA),
        "guesses": guesses(),
    }


json.dump(
    {
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("authlib", "requests")},
        "clientCredentials": {
            f"{client} {method}": client_credentials(client, method)
            for client, method in (
                ("erp", "client_secret_basic"),
                ("erp", "client_secret_post"),
                ("odd", "client_secret_post"),
            )
        },
        "renewal": renewal(),
        "confidential": user("old"),
        "public": user("phone"),
        "refusals": refusals(),
    },
    sys.stdout,
)
