"""An account whose SDK is as Microsoft's documentation sets it up, but for the sandbox's address."""

import re
import ssl
from importlib import import_module
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from azure.identity import AuthorizationCodeCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from kiota_http.middleware.options import RetryHandlerOption
from msal_check import Sandbox, check
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.graph_request_adapter import options
from msgraph_core import GraphClientFactory, PageIterator

__all__ = ["ADELE", "ALEX", "Account", "Sandbox", "check", "every", "get", "is_error", "models", "refused"]

ADELE, ALEX = "adele@contoso.example", "alex@contoso.example"
REDIRECT_URI = "http://localhost:5000/callback"
SCOPES = """offline_access User.Read Calendars.ReadWrite Calendars.Read.Shared Mail.ReadWrite Mail.Send
MailboxSettings.ReadWrite OnlineMeetings.ReadWrite""".split()


class Models:
    """The SDK's models by name; each is imported when it is first named."""

    def __getattr__(self, name):
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        return getattr(import_module(f"msgraph.generated.models.{module}"), name)


models = Models()


class Account:
    """A user who has signed in, with a client of their own."""

    def __init__(self, sandbox, email, retries=None):
        self.sandbox, self.email = sandbox, email
        context = ssl.create_default_context(cafile=sandbox.session.verify)
        self.http = httpx.AsyncClient(verify=context, base_url=f"{sandbox.base}/v1.0", trust_env=False)
        chosen = dict(options)
        if retries is not None:
            chosen[RetryHandlerOption.get_key()] = RetryHandlerOption(delay=0, max_retries=retries)
        http = GraphClientFactory.create_with_default_middleware(client=self.http, options=chosen)
        provider = AzureIdentityAuthenticationProvider(self.credential())
        self.adapter = GraphRequestAdapter(provider, http)
        self.adapter.base_url = f"{sandbox.base}/v1.0"
        self.graph = GraphServiceClient(request_adapter=self.adapter)
        self.me = self.graph.me

    def credential(self):
        query = {
            "client_id": "sandbox-client",
            "response_type": "code",
            "redirect_uri": REDIRECT_URI,
            "scope": " ".join(SCOPES),
            "login_hint": self.email,
            "prompt": "none",
        }
        answer = self.sandbox.get(f"/common/oauth2/v2.0/authorize?{urlencode(query)}", allow_redirects=False)
        back = dict(parse_qsl(urlsplit(answer.headers.get("Location", "")).query))
        check(f"{self.email} signs in", "code" in back, back or answer.text)
        return AuthorizationCodeCredential(
            "common", "sandbox-client", back["code"], REDIRECT_URI, client_secret="sandbox-secret",
            authority=self.sandbox.base, connection_verify=self.sandbox.session.verify, use_env_settings=False,
        )

    def event(self, id):
        return self.me.events.by_event_id(id)

    def message(self, id):
        return self.me.messages.by_message_id(id)

    def folder(self, id):
        return self.me.mail_folders.by_mail_folder_id(id)


def get(builder, prefer=None, **query):
    """Awaits the builder's GET with its own query parameters."""
    kind = getattr(type(builder), f"{type(builder).__name__}GetQueryParameters")
    configuration = RequestConfiguration(query_parameters=kind(**query))
    if prefer:
        configuration.headers.add("Prefer", prefer)
    return builder.get(request_configuration=configuration)


async def every(account, first, most=None):
    """All items from the first page on, or the first so many, by the SDK's page iterator."""
    found = []
    await PageIterator(first, account.adapter).iterate(lambda item: found.append(item) or len(found) != most)
    return found


async def refused(call):
    """The ODataError that the call ends in."""
    try:
        return await call
    except models_error() as error:
        return error


def models_error():
    return import_module("msgraph.generated.models.o_data_errors.o_data_error").ODataError


def is_error(error, status, code):
    """Whether it is Graph's error of this status and code, with the id of the request."""
    if not isinstance(error, models_error()):
        return False
    inner = error.error.inner_error
    named = bool(inner and inner.request_id and inner.client_request_id)
    return (error.response_status_code, error.error.code, named) == (status, code, True)
