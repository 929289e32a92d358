"""Defects that users would notice, each with the test beside its module that finds it."""

from typing import NamedTuple

from tests.mutants.tree import Patch

SECONDS = 20
"""The seconds of CPU within which a test has to fail."""


class Sabotage(NamedTuple):
    """A defect: in a file of logsrv, `old` becomes `new`. test: the one that must fail then, FILE::NAME."""

    defect: str
    file: str
    old: str
    new: str
    test: str

    @property
    def patch(self) -> Patch:
        return Patch(f"logsrv/{self.file}", self.old, self.new)


SABOTAGES = [
    Sabotage(
        "a line is dropped under load",
        "linelog/intake/intake.py",
        "        self._waiting += [\n",
        "        self._waiting += [] if self.valve.closed else [\n",
        "linelog/intake/test_intake.py::test_lines_that_come_under_load_are_stored_once_and_in_their_order",
    ),
    Sabotage(
        "a line is doubled after a reload",
        "linelog/intake/intake.py",
        "        self.rules = settings.line_rules\n",
        "        self.rules = settings.line_rules\n"
        "        self._waiting = deque(2 * list(getattr(self, '_waiting', ())))\n",
        "linelog/intake/test_intake.py::test_lines_that_come_under_load_are_stored_once_and_in_their_order",
    ),
    Sabotage(
        "lines of a connection change their order",
        "linelog/intake/intake.py",
        "self._waiting.popleft()",
        "self._waiting.pop()",
        "linelog/intake/test_intake.py::test_lines_that_come_under_load_are_stored_once_and_in_their_order",
    ),
    Sabotage(
        "RELP acknowledges before it is safe",
        "linelog/formats/relp/input.py",
        "self.answer_when_safe(answer)",
        "self.answer(answer)",
        "linelog/formats/relp/test_input.py::test_close_waits_until_all_is_safe",
    ),
    Sabotage(
        "Forward acknowledges before it is safe",
        "linelog/intake/records.py",
        "self.answer_when_safe(answer)",
        "self.answer(answer)",
        "linelog/formats/test_contract.py::test_records_are_acknowledged_when_they_are_safe",
    ),
    Sabotage(
        "HTTP answers before it is safe",
        "linelog/intake/over_http/kept_body.py",
        "        await self._intake.durable(self._since)\n",
        "        self._intake.durable(self._since)\n",
        "linelog/intake/over_http/test_request.py::test_a_request_is_answered_when_it_is_safe",
    ),
    Sabotage(
        "a block is acknowledged before it is safe",
        "linelog/intake/blocks/body.py",
        "stored = intake.deposit(pending).addCallback(self._count_stored, block.end)",
        "intake.deposit(pending)\n        stored = succeed(_position_reply(block.end))",
        "linelog/intake/blocks/test_body.py::test_a_block_is_stored_unchanged_and_answered_when_safe",
    ),
    Sabotage(
        "any token lets a sender over HTTP in",
        "linelog/intake/over_http/routes.py",
        "same = [hmac.compare_digest(one, token.encode()) for one in given for token in tokens]",
        "same = [bool(one) for one in given]",
        "linelog/intake/over_http/test_request.py::test_a_header_without_the_token_is_refused_with_401",
    ),
    Sabotage(
        "any token lets a reader in",
        "linelog/http/access.py",
        "if reader.token is not None and reader.token.is_of(given):",
        "if reader.token is not None:",
        "linelog/http/test_access.py::test_wrong_tokens_are_refused",
    ),
    Sabotage(
        "--deny keeps nobody out",
        "kit/connections/guard.py",
        "if self._denied.contain(address):",
        "if self._denied.contain((32, 0)):",
        "kit/connections/test_guard.py::test_deny_wins_over_allow_and_allow_leaves_no_others",
    ),
    Sabotage(
        "--allow lets everybody in",
        "kit/connections/guard.py",
        "if self._allowed and not self._allowed.contain(address):",
        "if self._allowed and not self._allowed:",
        "kit/connections/test_guard.py::test_deny_wins_over_allow_and_allow_leaves_no_others",
    ),
    Sabotage(
        "there is no limit of connections",
        "kit/connections/guard.py",
        "if limit is not None and self.open >= limit:",
        "if limit is not None and self.open >= 2 * limit:",
        "kit/connections/test_guard.py::test_a_reload_changes_who_may_come_but_ends_nobody",
    ),
    Sabotage(
        "retention removes too much",
        "linelog/store/sealing/retain.py",
        "        total -= one.size if counts else 0\n",
        "",
        "linelog/store/sealing/test_retain.py::test_the_oldest_are_removed_until_the_rest_fits",
    ),
    Sabotage(
        "retention removes too little",
        "linelog/store/sealing/retain.py",
        "if not (too_much or too_old):",
        "if not (too_much and too_old):",
        "linelog/store/sealing/test_retain.py::test_days_count_from_the_last_line_of_a_segment",
    ),
    Sabotage(
        "an octet-counted frame ends a byte late",
        "linelog/formats/syslog/counted.py",
        "    ends = spaces + 1 + counts\n",
        "    ends = spaces + 2 + counts\n",
        "linelog/formats/syslog/test_counted.py::test_cutting_at_once_equals_one_by_one",
    ),
    Sabotage(
        "a frame behind a varint ends a byte late",
        "kit/framing/frames.py",
        "            frames.append(data[begin:stop])\n            at = stop\n        sel",
        "            frames.append(data[begin : stop + 1])\n            at = stop\n        sel",
        "kit/framing/test_frames.py::test_a_varint_behind_a_frame_is_read_and_its_frame_leaves_with_its_last_byte",
    ),
    Sabotage(
        "a netstring ends a byte early",
        "kit/framing/frames.py",
        "            frames.append(data[begin:stop])\n            at = stop + 1\n",
        "            frames.append(data[begin : stop - 1])\n            at = stop + 1\n",
        "kit/framing/test_frames.py::test_a_frame_that_is_too_long_is_refused_wherever_the_bytes_are_cut",
    ),
    Sabotage(
        "a block is not shipped",
        "linelog/ship/block_sender.py",
        "            answer = call_target(self.target.send, cut.block)",
        "            step = repr if cut.block.start.offset else self.target.send\n"
        "            answer = call_target(step, cut.block)",
        "linelog/ship/test_block_sender.py::test_a_short_block_a_kill_and_more_lines",
    ),
    Sabotage(
        "a block is shipped twice",
        "linelog/ship/block_sender.py",
        "            answer = call_target(self.target.send, cut.block)",
        "            call_target(self.target.send, cut.block)\n"
        "            answer = call_target(self.target.send, cut.block)",
        "linelog/ship/test_block_sender.py::test_a_store_arrives_whole",
    ),
    Sabotage(
        "counts are stale after a segment was compressed",
        "linelog/read/totals.py",
        "if known.compressed:",
        "if known.lines:",
        "linelog/read/test_totals.py::test_totals_follow_writing_rotation_sealing_and_removal",
    ),
    Sabotage(
        "a line has the time of another",
        "linelog/intake/intake.py",
        "        received = time_of_day(self.clock)\n",
        "        received = self._first = getattr(self, '_first', time_of_day(self.clock))\n",
        "linelog/intake/test_intake.py::test_each_line_of_a_connection_has_the_time_of_its_own_chunk",
    ),
    Sabotage(
        "a control byte reaches the terminal",
        "kit/text/escape.py",
        '_UNSAFE = "\\x00-\\x08\\x0b-\\x1f',
        '_UNSAFE = "\\x00-\\x08\\x0b-\\x1a\\x1c-\\x1f',
        "kit/text/test_escape.py::test_what_could_drive_a_terminal_is_spelled_out",
    ),
    Sabotage(
        "no certificate of a client is asked for",
        "kit/net/_certificates.py",
        "SSL.VERIFY_PEER | (SSL.VERIFY_FAIL_IF_NO_PEER_CERT if required else 0)",
        "SSL.VERIFY_PEER",
        "kit/net/test_certificates.py::test_clients_are_let_in_by_their_certificate",
    ),
    Sabotage(
        "certificates of clients are not verified",
        "kit/net/_certificates.py",
        "context.set_verify(mode, _note_certificate_fault)",
        "context.set_verify(mode, lambda *_: True)",
        "kit/net/test_certificates.py::test_clients_are_let_in_by_their_certificate",
    ),
    Sabotage(
        "any Host is answered",
        "linelog/http/access.py",
        "if name is None or not self._is_own_name(name, str(local.host)):",
        "if name is None:",
        "linelog/http/test_access.py::test_only_our_names_and_addresses_are_accepted",
    ),
    Sabotage(
        "any Host is answered by the gateway",
        "kit/web/access.py",
        "return name is not None and (name in names or name in LOOPBACK_NAMES)",
        "return name is not None",
        "kit/web/test_access.py::test_a_rebound_name_is_not_for_us",
    ),
    Sabotage(
        "--sync always does not sync",
        "linelog/store/writer.py",
        "synced = policy.sync is Sync.ALWAYS or",
        "synced = policy.sync is Sync.INTERVAL or",
        "linelog/store/test_writer.py::test_a_sync_that_failed_is_tried_again_though_nobody_sends_anything",
    ),
    Sabotage(
        "senders that were paused are never resumed",
        "linelog/store/valve.py",
        "                self._call_or_remove(producer, producer.resumeProducing)\n",
        "",
        "linelog/store/test_valve.py::test_a_real_transport_is_paused_and_resumed",
    ),
]
