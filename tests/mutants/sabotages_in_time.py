"""Defects in the order of two things, during another, the second time, and of what is left behind."""

from tests.mutants.sabotages import Sabotage

IN_TIME = [
    Sabotage(
        "a viewer of several stores leaves its files open",
        "linelog/http/views/stores_hub.py",
        (
            "        behind = self._catching_up.pop(viewer, None)\n"
            "        if behind is not None:\n"
            "            behind.close()\n"
            "        for hub"
        ),
        ("        self._catching_up.pop(viewer, None)\n        for hub"),
        "linelog/http/views/test_stores_come_and_go.py::test_each_line_comes_once_and_nothing_stays_of_clients_and_stores_that_left",
    ),
    Sabotage(
        "a viewer that gives up in one store leaves its file open",
        "linelog/http/views/stores_hub.py",
        ("                one.close()\n                begin = until[number]"),
        "                begin = until[number]",
        "linelog/http/views/test_stores_come_and_go.py::test_a_client_that_is_too_slow_in_one_store_leaves_no_file_of_it",
    ),
    Sabotage(
        "a cursor has where the other stores were before this step",
        "linelog/http/views/stores_hub.py",
        (
            "        is_over = True\n"
            "        for number, one in self.by_store.items():\n"
            "            others = {each: other.position for each, other in self.by_store.items()}\n"
        ),
        (
            "        is_over = True\n"
            "        others = {each: other.position for each, other in self.by_store.items()}\n"
            "        for number, one in self.by_store.items():\n"
        ),
        "linelog/http/views/test_stores_come_and_go.py::test_each_line_comes_once_and_nothing_stays_of_clients_and_stores_that_left",
    ),
    Sabotage(
        "a viewer keeps the file of a store that was removed",
        "linelog/http/views/stores_hub.py",
        "behind.by_store.pop(number).close()",
        "behind.by_store.pop(number)",
        "linelog/http/views/test_stores_come_and_go.py::test_each_line_comes_once_and_nothing_stays_of_clients_and_stores_that_left",
    ),
    Sabotage(
        "a store that was removed stays open for live views",
        "linelog/http/views/stores_hub.py",
        "self._hubs.pop(number).close()",
        "self._hubs.pop(number)",
        "linelog/http/views/test_stores_come_and_go.py::test_each_line_comes_once_and_nothing_stays_of_clients_and_stores_that_left",
    ),
    Sabotage(
        "viewers share their lines with a store that was removed",
        "linelog/http/views/stores_hub.py",
        ("        self._hubs.pop(number).close()\n        self._share()"),
        "        self._hubs.pop(number).close()",
        "linelog/http/views/test_stores_come_and_go.py::test_viewers_may_have_more_of_each_store_when_one_is_removed",
    ),
    Sabotage(
        "a viewer gets a step at each poll for which it has not asked",
        "linelog/http/views/stores_hub.py",
        ("        self._asking += self._for_next_poll\n        self._for_next_poll.clear()"),
        "        self._asking += self._for_next_poll",
        "linelog/http/views/test_stores_come_and_go.py::test_each_line_comes_once_and_nothing_stays_of_clients_and_stores_that_left",
    ),
    Sabotage(
        "a viewer comes to a store that live views have not seen",
        "linelog/http/views/stores_hub.py",
        (
            "        if not ends.keys() <= self._hubs.keys():\n"
            "            self._open_later_stores()\n"
        ),
        "",
        "linelog/http/views/test_stores_come_and_go.py::test_each_line_comes_once_and_nothing_stays_of_clients_and_stores_that_left",
    ),
    Sabotage(
        "requests that have ended stay in the audit log's memory",
        "linelog/http/readers/audit.py",
        "entry = self._entries.pop(request)",
        "entry = self._entries[request]",
        "linelog/http/readers/test_audit.py::test_a_request_is_logged_if_the_log_was_on_when_it_began",
    ),
    Sabotage(
        "an answer under way is not audited if a reload ends the log",
        "linelog/http/readers/audit.py",
        ("        entry = self._entries.pop(request)\n        if not _is_of_interest(request):"),
        (
            "        entry = self._entries.pop(request)\n"
            "        if not self.is_on or not _is_of_interest(request):"
        ),
        "linelog/http/readers/test_audit.py::test_a_request_is_logged_if_the_log_was_on_when_it_began",
    ),
    Sabotage(
        "a mark in three pieces is not counted",
        "linelog/http/readers/audit.py",
        'self._end = text[-rest:] if rest else b""',
        'self._end = data[-rest:] if rest else b""',
        "linelog/http/readers/test_audit.py::test_lines_are_counted_across_pieces",
    ),
    Sabotage(
        "a part inside of a masked one ends it early",
        "linelog/intake/masks.py",
        "max(end, ends[-1])",
        "end",
        "linelog/intake/test_masks.py::test_each_match_becomes_masked_or_its_named_groups_do",
    ),
    Sabotage(
        "a reload forgets the store that has lines to acknowledge",
        "linelog/intake/sorting.py",
        "self._stores |= dict.fromkeys([*(one.store for one in rules), rest])",
        "self._stores = dict.fromkeys([self._main, *(one.store for one in rules), rest])",
        "linelog/intake/test_sorting.py::test_lines_are_acknowledged_when_they_are_safe_in_the_store_that_has_them",
    ),
    Sabotage(
        "lines of a listener's own store are acknowledged before they are safe",
        "linelog/intake/sorting.py",
        ("            self._newer.setdefault(self._rest, self._rest.appended)\n            return"),
        "            return",
        "linelog/intake/test_sorting.py::test_lines_are_acknowledged_when_they_are_safe_in_the_store_that_has_them",
    ),
    Sabotage(
        "the source that talks the most is forgotten first",
        "linelog/intake/sorting.py",
        "        self._texts.move_to_end(source)\n",
        "",
        "linelog/intake/test_sorting.py::test_the_source_that_was_silent_for_the_longest_time_is_forgotten_first",
    ),
    Sabotage(
        "rules that fail after a reload are not told",
        "linelog/intake/sorting.py",
        ("        self._before = EarlierBatches()\n        self._failed = False\n\n    @property"),
        ("        self._before = EarlierBatches()\n\n    @property"),
        "linelog/intake/test_sorting.py::test_lines_are_kept_though_a_rule_fails",
    ),
    Sabotage(
        "a refused reload keeps the lock of a new store",
        "linelog/plugin/rule_stores.py",
        "self._abandon(self._open.pop(name))",
        "self._open.pop(name)",
        "linelog/plugin/test_rule_stores.py::test_a_refused_reload_leaves_no_store_open",
    ),
    Sabotage(
        "a rule that comes back counts as removed",
        "linelog/plugin/rule_stores.py",
        "one.kept, one.has_rule = rules[name].kept_for, True",
        "one.kept = rules[name].kept_for",
        "linelog/plugin/test_rule_stores.py::test_a_rule_that_comes_back_has_its_store_again",
    ),
    Sabotage(
        "a stop does not wait for a store if another fails to close",
        "linelog/plugin/rule_stores.py",
        "[self._close(one) for one in self._open.values()], consumeErrors=True",
        "[self._close(one) for one in self._open.values()], fireOnOneErrback=True, consumeErrors=True",
        "linelog/plugin/test_rule_stores.py::test_a_stop_waits_for_each_store_though_one_fails_to_close",
    ),
    Sabotage(
        "each reload opens the open stores of rules once more",
        "linelog/plugin/rule_stores.py",
        "if name not in self._open and has_lines(place):",
        "if has_lines(place):",
        "linelog/plugin/test_rule_stores.py::test_a_rule_that_comes_back_has_its_store_again",
    ),
    Sabotage(
        "a rule behind that of a listener takes its lines",
        "linelog/plugin/rule_stores.py",
        ("                rest = self._open[one.name].store\n                break"),
        "                rest = self._open[one.name].store",
        "linelog/plugin/test_rule_stores.py::test_a_rule_by_listener_takes_what_no_earlier_rule_has_taken",
    ),
    Sabotage(
        "words of the erased text are beside the new one",
        "linelog/store/sealing/erase_lines.py",
        (
            "            self._remove_beside(packed)\n"
            "            if is_new:\n"
            "                disk.unlink(packed.index)\n"
            "                # An index must not come back beside the new text.\n"
            "                disk.sync_directory()\n"
            "                disk.rename(tmp(packed.name), packed.name)\n"
            "                disk.sync_directory()"
        ),
        (
            "            if is_new:\n"
            "                disk.unlink(packed.index)\n"
            "                # An index must not come back beside the new text.\n"
            "                disk.sync_directory()\n"
            "                disk.rename(tmp(packed.name), packed.name)\n"
            "                disk.sync_directory()\n"
            "            self._remove_beside(packed)"
        ),
        "linelog/store/sealing/test_erase_lines.py::test_names_reach_the_medium_in_an_order_in_which_no_index_is_beside_another_text",
    ),
    Sabotage(
        "two erases at once, one with the file that the other has removed",
        "linelog/store/notes/erase_plan.py",
        (
            "            if not disk.leads_to(NAME, fd):\n"
            "                # Another process has ended its erase meanwhile.\n"
            "                continue\n"
        ),
        "",
        "linelog/store/notes/test_erase_plan.py::test_an_erase_that_begins_as_another_ends_has_the_right_alone",
    ),
    Sabotage(
        "a plan is written behind another one",
        "linelog/store/notes/erase_plan.py",
        "        os.ftruncate(self._fd, 0)\n",
        "",
        "linelog/store/notes/test_erase_plan.py::test_a_plan_replaces_what_was_in_the_file",
    ),
    Sabotage(
        "the settings of a removed alert stay, with its secrets",
        "linelog/alerts/alert_places.py",
        'for suffix in ("", STATE_SUFFIX, TASK_SUFFIX):',
        'for suffix in ("", STATE_SUFFIX):',
        "linelog/alerts/test_alert_places.py::test_nothing_stays_of_an_alert_that_is_removed_while_it_fires",
    ),
    Sabotage(
        "the last lines before a rotation are not shipped",
        "linelog/ship/durable.py",
        ("        return self._reach\n\n    def _sync_file"),
        (
            "        self.ended = not (plain and self._view.is_active_file(frames.fd))\n"
            "        return self._reach\n"
            "\n"
            "    def _sync_file"
        ),
        "linelog/ship/test_durable.py::test_what_is_written_while_a_text_is_synced_comes_once_and_not_before_its_own_sync",
    ),
    Sabotage(
        "lines that were written during a sync are shipped as synced",
        "linelog/ship/durable.py",
        (
            "            size = frames.file_size\n"
            "            if size != self._size:\n"
            "                self._sync_file(frames)\n"
            "                self._size = size\n"
        ),
        (
            "            if frames.file_size != self._size:\n"
            "                self._sync_file(frames)\n"
            "                self._size = size = frames.file_size\n"
        ),
        "linelog/ship/test_durable.py::test_what_is_written_while_a_text_is_synced_comes_once_and_not_before_its_own_sync",
    ),
    Sabotage(
        "half a line that was finished later is told as damage",
        "linelog/ship/durable.py",
        "                self._unfinished = size - self._reach if plain else 0",
        "                self._unfinished = max(self._unfinished, size - self._reach if plain else 0)",
        "linelog/ship/test_durable.py::test_what_is_written_while_a_text_is_synced_comes_once_and_not_before_its_own_sync",
    ),
    Sabotage(
        "refused lines are renamed before they are synced",
        "linelog/ship/ship_place.py",
        ("        self.sync()\n        disk = self._folder.disk\n        disk.rename"),
        ("        disk = self._folder.disk\n        disk.rename"),
        "linelog/ship/test_ship_place.py::test_refused_lines_and_the_names_of_their_files_are_synced_in_their_order",
    ),
    Sabotage(
        "the name of a new file of refused lines is not synced",
        "linelog/ship/ship_place.py",
        ("        self._dirty = True\n        os.close(fd)"),
        "        os.close(fd)",
        "linelog/ship/test_ship_place.py::test_refused_lines_and_the_names_of_their_files_are_synced_in_their_order",
    ),
    Sabotage(
        "a poll skips lines of viewers that begin at its end",
        "linelog/http/views/polls.py",
        ("                end = until or end_of_store(self._view)\n                if passed"),
        ("                end = end_of_store(self._view)\n                if passed"),
        "linelog/http/views/test_polls.py::test_no_line_behind_the_end_of_a_poll_is_read_or_skipped",
    ),
    Sabotage(
        "a remembered part loses its first byte",
        "linelog/read/remembered.py",
        "part = new.removeprefix(_NEW) if new",
        "part = new.lstrip(_NEW) if new",
        "linelog/read/test_remembered.py::test_a_part_is_remembered_byte_for_byte",
    ),
    Sabotage(
        "who joins a paused answer waits for the others",
        "linelog/http/searching/shared_answer.py",
        (
            "        if self.search is not None:\n"
            "            self._pause_or_go_on(self.search)\n"
            "        return reader"
        ),
        "        return reader",
        "linelog/http/searching/test_shared_answer.py::test_the_search_goes_on_for_one_who_joins_while_all_others_have_paused",
    ),
    Sabotage(
        "who joins an answer is told with each line what is missing",
        "linelog/http/searching/shared_answer.py",
        "                reader.is_late = False\n",
        "",
        "linelog/http/searching/test_shared_answer.py::test_who_joins_an_answer_with_progress_is_told_once_what_is_missing",
    ),
    Sabotage(
        "a message is sent to an idle process that has died",
        "kit/children/pool.py",
        ("        if child in self._free:\n            self._free.remove(child)\n"),
        "",
        "kit/children/test_pool.py::test_an_idle_process_that_has_died_is_asked_nothing",
    ),
    Sabotage(
        "five requests during a reload make five more",
        "kit/service/_reload.py",
        "self._asked = min(self._asked + 1, 2)",
        "self._asked += 1",
        "kit/service/test_service.py::test_however_often_a_reload_is_asked_for_while_one_runs_it_runs_once_more",
    ),
    Sabotage(
        "a broken site cannot be taken away",
        "kit/service/sites.py",
        ("            if site.key in wanted:\n                site.check()"),
        "            site.check()",
        "kit/service/test_service.py::test_a_site_that_goes_is_free_at_once_and_nothing_stays_of_it",
    ),
    Sabotage(
        "sites that have ended stay in memory",
        "kit/service/sites.py",
        ("        self._leaving.pop(site, None)\n        self.cut"),
        "        self.cut",
        "kit/service/test_service.py::test_a_site_that_goes_is_free_at_once_and_nothing_stays_of_it",
    ),
    Sabotage(
        "a site that has ended is asked for its figures",
        "kit/service/sites.py",
        ('        self._part.end()\n        self._change_state("end")'),
        '        self._change_state("end")',
        "kit/service/test_sites.py::test_a_site_that_has_ended_is_asked_for_no_figure_any_more",
    ),
    Sabotage(
        "a place is taken as long as a peer stays",
        "kit/service/sites.py",
        ('        if self.endpoint.kind == "stream":\n            self._vacate()\n'),
        "",
        "kit/service/test_service.py::test_a_site_that_goes_is_free_at_once_and_nothing_stays_of_it",
    ),
    Sabotage(
        "a unit's socket stays taken after a reload",
        "kit/net/kept_sockets.py",
        "        self._taken = {one: other for one, other in self._taken.items() if other != listener}",
        "        self._taken = {one: other for one, other in self._taken.items() if other is not listener}",
        "kit/net/test_kept_sockets.py::test_a_socket_of_a_unit_is_for_one_listener",
    ),
    Sabotage(
        "live views of a rule's store end with its file",
        "linelog/read/stores_search.py",
        ("        self._own.refresh_if_rotated()\n        self._list_again()"),
        "        self._own.refresh_if_rotated()",
        "linelog/http/views/test_stores_come_and_go.py::test_each_line_comes_once_and_nothing_stays_of_clients_and_stores_that_left",
    ),
    Sabotage(
        "lines that wait are acknowledged with earlier ones",
        "linelog/intake/intake.py",
        "self._waiting[-1].durable.append",
        "self._waiting[0].durable.append",
        "linelog/intake/test_intake.py::test_what_waits_asks_to_be_acknowledged_behind_its_own_last_line_and_in_its_turn",
    ),
    Sabotage(
        "a reload makes what a removed alert reports longer",
        "linelog/alerts/alerts.py",
        "until=task.until or end)",
        "until=end)",
        "linelog/alerts/test_alerts.py::test_what_a_removed_alert_has_to_report_ends_where_it_was_removed",
    ),
    Sabotage(
        "places that waited for all alerts stay for ever",
        "linelog/alerts/alerts.py",
        "is_same = wanted == self._alerts and not (self._tasks.unclaimed and is_whole)",
        "is_same = wanted == self._alerts",
        "linelog/alerts/test_alerts.py::test_places_wait_until_all_alerts_are_known_and_go_then",
    ),
    Sabotage(
        "places that are gone are told at each reload",
        "linelog/alerts/alerts.py",
        "self.unclaimed = {} if is_whole else left",
        "self.unclaimed = left",
        "linelog/alerts/test_alerts.py::test_places_wait_until_all_alerts_are_known_and_go_then",
    ),
    Sabotage(
        "a stop forgets searches in the background",
        "linelog/http/searching/searches.py",
        "        for search in [*self._background, *self._running]:",
        "        for search in [*self._running]:",
        "linelog/http/searching/test_searches.py::test_a_stop_tells_those_that_run_wait_their_turn_or_are_in_the_background",
    ),
    Sabotage(
        "a peer whose limits are gone is woken once more",
        "kit/connections/rates.py",
        ("        self._timer.stop()\n        # The protocol may pause"),
        "        # The protocol may pause",
        "kit/connections/test_rates.py::test_a_throttled_peer_is_heard_in_its_order_and_nobody_who_is_busy_hears_it",
    ),
    Sabotage(
        "what a peer sends while it waits comes first",
        "kit/connections/rates.py",
        ("        self.kept += data\n        self._deliver_allowed()"),
        ("        self.kept = data + self.kept\n        self._deliver_allowed()"),
        "kit/connections/test_rates.py::test_a_throttled_peer_is_heard_in_its_order_and_nobody_who_is_busy_hears_it",
    ),
    Sabotage(
        "a protocol is given data while it takes some",
        "kit/connections/rates.py",
        ("        if self._giving or self._timer.running:\n            return"),
        ("        if self._timer.running:\n            return"),
        "kit/connections/test_rates.py::test_a_throttled_peer_is_heard_in_its_order_and_nobody_who_is_busy_hears_it",
    ),
    Sabotage(
        "a stop is not heard that comes as columns are done",
        "linelog/columns/maker_thread.py",
        '            if self._state != "STOPPING":\n                self._wake',
        "            if self._state:\n                self._wake",
        "linelog/columns/test_maker_thread.py::test_a_stop_is_heard_whenever_it_comes",
    ),
    Sabotage(
        "a number that is saved during a sync counts as synced by it",
        "linelog/store/segment.py",
        "        disk.fdatasync(fd)\n    return number\n",
        "        disk.fdatasync(fd)\n    return saved_number(disk)\n",
        "linelog/store/test_segment.py"
        "::test_a_number_that_is_saved_during_a_sync_is_not_known_to_be_on_the_medium",
    ),
    Sabotage(
        "a time is saved by a descriptor that another thread closes",
        "linelog/store/lock.py",
        "        with self._checking:\n            if self.believed",
        "        with contextlib.nullcontext():\n            if self.believed",
        "linelog/store/test_lock.py"
        "::test_a_time_that_is_saved_while_the_directory_is_locked_anew_is_in_the_new_file",
    ),
]
