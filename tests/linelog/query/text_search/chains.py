"""Expressions that are chains of runs of bytes, for the tests of what is one and of what it finds."""

from logsrv.linelog.query.text_search.byte_chains import ByteChain, byte_chain_of
from logsrv.linelog.query.text_search.expression import compile_expression

CHAINS = (
    r"\b\d{16}\b", r"\d{16}", r"\d{8,}", r"\b\d{13,19}\b", r"\d{3}-\d{2}-\d{4}", r"\b\d{3}-\d{2}-\d{4}\b",
    r"[\w.+-]+@[\w.-]+\.[a-z]{2,}", r"[\w.]+@[\w.]+", r"\S+@\S+\.\S+", r"\S+@\S+", r"\b\w+@",
    r"\b\d{1,3}(\.\d{1,3}){3}\b", r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}", r"\b(\d{1,3}\.){3}\d{1,3}\b",
    "password=[^ ]+", "bob", "Bob", r"pw=\S*", r"\bann\b", r"\b4\d{15}\b", r"4\d{3,}", r'"k": *"[^"]*"',
    r"\b\d{4}[ -]?\d{4}\b", r"\d{2}[ -]?x", r"a[bB]c", r"\ba+\.", r"\.\.\b", r"\b\.a", r"a{2,3}b?",
    r"a{2,3}", r"\d+\b", r"DE\d{2}( ?\d{4}){2}", r"a+@a+b", r"\w+@\w+\.", "(?:ab){2}", "[ab]{1,2}-",
    "-+a{1,2}", r"\b[0-9a-f]{8}-[0-9a-f]{4}\b", "x[^x]*y", "[^ ]+=1", r"\d{1,2}\d", "1a?1", "11?1",
    r"a{3}x{0}", "(?:1{2}){3}", r"\D+1", r"1\W*a", "=[^1]+", r"\b\W+\b",
)  # fmt: skip


def chain_of(pattern: str) -> ByteChain | None:
    return byte_chain_of(compile_expression(pattern).exact)
