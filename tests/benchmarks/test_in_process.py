"""The application that valgrind measures is called without a server."""

from typing import Any

from benchmarks.load import Answer
from benchmarks.subjects.in_process import answer_of, environ_of, raw_answer


def test_a_request_reaches_the_application_and_its_answer_is_http() -> None:
    """The application gets the same requests, and its responses the same checks, as over a socket."""

    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("201 Created", [("X-Path", environ["PATH_INFO"]), ("X-Host", environ["HTTP_HOST"])])
        return [environ["QUERY_STRING"].encode(), environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]

    environ = environ_of("POST /a%20b?c=d HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\n\xc3\xa4!")
    answer = Answer(raw=raw_answer(*answer_of(application, environ)).encode("latin-1"), seconds=0)
    assert (answer.status, answer.header("X-Path"), answer.header("X-Host"), answer.body) == (
        201,
        "/a b",
        "here",
        "c=dä!".encode(),
    )
