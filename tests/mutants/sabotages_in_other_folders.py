"""Defects in time of the other folders: the kit, Gopher, the store, pages and intake."""

from tests.mutants.sabotages import Sabotage

IN_OTHER_FOLDERS = [
    Sabotage(
        "two changes of a file of entries at once",
        "linelog/parts/entries_file.py",
        ("        return self._lock.run(self._run_in_thread, partial(work, *args, **kwargs))"),
        "        return self._run_in_thread(partial(work, *args, **kwargs))",
        "linelog/parts/test_entries_file.py::test_work_is_done_one_after_the_other_and_ended_waits_for_all_of_it",
    ),
    Sabotage(
        "an import replaces what another reader has changed since",
        "linelog/http/saved/board_file.py",
        "    if state is not None and state != _state(file, saved):",
        "    if state is not None and False:",
        "linelog/http/saved/test_board_file.py::test_what_another_reader_changed_since_the_look_is_not_replaced",
    ),
    Sabotage(
        "addresses of refusals are counted once more with the next",
        "linelog/http/readers/refusal_limit.py",
        ("            self._addresses.clear()\n"),
        "",
        "linelog/http/readers/test_refusal_limit.py::test_each_count_is_of_what_was_left_out_since_the_last_one",
    ),
    Sabotage(
        "a count of refusals leaves its timer",
        "linelog/http/readers/refusal_limit.py",
        ("        self._timer.stop()\n        if self._left_out:"),
        "        if self._left_out:",
        "linelog/http/readers/test_refusal_limit.py::test_what_was_left_out_is_logged_at_a_stop_too",
    ),
    Sabotage(
        "an owner does not hear that its process has ended as it was told",
        "kit/children/resident.py",
        (
            "        self._process_ended()\n"
            '        if self.state == "RUNNING":\n'
            '            self._plan_restart(f"{end} ({end.words})" if end.words else'
            " str(end))\n"
            "        else:\n"
            '            self._change_state("died")'
        ),
        (
            '        if self.state == "RUNNING":\n'
            '            self._plan_restart(f"{end} ({end.words})" if end.words else'
            " str(end))\n"
            "            self._process_ended()\n"
            "        else:\n"
            '            self._change_state("died")'
        ),
        "kit/children/test_resident.py::test_in_any_order_of_events_at_most_one_process_runs_and_a_stop_ends_it",
    ),
    Sabotage(
        "a process that died while its answer waited is timed",
        "kit/children/pool.py",
        (
            "        if self._busy.get(child) is message:\n"
            "            message.time.start(ANSWER_SECONDS, self._kill_late, child)\n"
            "        child.resume()"
        ),
        (
            "        message.time.start(ANSWER_SECONDS, self._kill_late, child)\n"
            "        child.resume()"
        ),
        "kit/children/test_pool.py::test_a_process_that_dies_while_its_answer_waits_for_room_has_no_time_any_more",
    ),
    Sabotage(
        "one bad start after a rest is the next rest",
        "kit/children/pool.py",
        ("            self._failed_starts = 0\n            self._not_before"),
        "            self._not_before",
        "kit/children/test_pool.py::test_a_bad_start_after_a_rest_costs_no_message_and_is_not_the_next_rest",
    ),
    Sabotage(
        "a message whose process was killed as it started loses its turn",
        "kit/children/pool.py",
        "                self._waiting.appendleft(message)",
        "                self._waiting.append(message)",
        "kit/children/test_pool.py::test_in_any_order_of_events_messages_have_their_turns_and_one_answer_each",
    ),
    Sabotage(
        "a large message is sent once only",
        "kit/children/child_process.py",
        ("            self._transport.unregisterProducer()\n            self._transport = None"),
        "            self._transport.unregisterProducer()",
        "kit/children/test_child_process.py::test_large_messages_and_those_after_them_arrive_in_order",
    ),
    Sabotage(
        "only the first long answer of a process waits for room",
        "kit/children/child_process.py",
        ("            self._told = False\n            self.received"),
        "            self.received",
        "kit/children/test_pool.py::test_each_long_answer_of_a_process_waits_for_room",
    ),
    Sabotage(
        "last words without a line feed are not told",
        "kit/children/child_process.py",
        (
            "        self._report_line(self._complaints)\n"
            "        self.over = True\n"
            "        self._kill.stop()\n"
            "        self._ended(self, ProcessEnd.of(reason, self._words))"
        ),
        (
            "        self.over = True\n"
            "        self._kill.stop()\n"
            "        self._ended(self, ProcessEnd.of(reason, self._words))\n"
            "        self._report_line(self._complaints)"
        ),
        "kit/children/test_resident.py::test_last_words_without_a_line_feed_are_told_too",
    ),
    Sabotage(
        "a part that is noted twice takes its room twice",
        "linelog/read/remembered.py",
        ("        self._forget(key)\n        self._parts[key] = part"),
        "        self._parts[key] = part",
        "linelog/read/test_remembered.py::test_of_two_questions_at_once_each_part_takes_its_room_once",
    ),
    Sabotage(
        "the store of a rule that is made anew keeps the counts of the old one",
        "linelog/read/totals.py",
        "            if number in known and known[number][0] is store",
        "            if number in known",
        "linelog/read/test_totals.py::test_the_store_of_a_rule_that_is_made_anew_is_counted_anew",
    ),
    Sabotage(
        "a source that sends much makes others lose their records",
        "linelog/intake/sorting.py",
        "            self.size -= len(texts.popleft())",
        "            texts.popleft()",
        "linelog/intake/test_sorting.py::test_a_source_that_sends_much_takes_no_room_of_others",
    ),
    Sabotage(
        "the end of an earlier answer hides the later one",
        "linelog/http/searching/searches.py",
        (
            "            if asked is not None and self._latest.get(asked) is answer:\n"
            "                del self._latest[asked]"
        ),
        ("            if asked is not None:\n                self._latest.pop(asked, None)"),
        "linelog/http/searching/test_many_readers.py::test_the_end_of_an_earlier_answer_to_the_same_question_lets_others_join_the_later_one",
    ),
    Sabotage(
        "a stop leaves the timer of the process that forks",
        "linelog/http/searching/searches.py",
        ("        self._idle.stop()\n        self._end_forking()\n        self._turn.stop()"),
        ("        self._end_forking()\n        self._turn.stop()"),
        "linelog/http/searching/test_searches.py::test_after_a_stop_nothing_of_the_searches_is_left_to_be_done",
    ),
    Sabotage(
        "retention learns what a target lacks after the store opens",
        "linelog/plugin/rule_stores.py",
        ("        store.hold(self._holds(str(place)))\n        store.open()"),
        ("        store.open()\n        store.hold(self._holds(str(place)))"),
        "linelog/plugin/test_rule_stores.py::test_what_a_target_lacks_is_kept_from_the_moment_a_store_opens",
    ),
    Sabotage(
        "sites are made of what another part refuses",
        "linelog/plugin/running_parts.py",
        (
            "        for work, options in self._with_options(settings):\n"
            "            work.prepare(options)\n"
            "        found = []\n"
            "        for work, options in self._with_options(settings):\n"
            "            for wanted"
        ),
        (
            "        found = []\n"
            "        for work, options in self._with_options(settings):\n"
            "            work.prepare(options)\n"
            "            for wanted"
        ),
        "linelog/plugin/test_running_parts.py::test_all_parts_are_prepared_before_any_is_asked_for_its_sites",
    ),
    Sabotage(
        "a bookmark is looked for before the lock",
        "gopher/follow/bookmarks.py",
        (
            "        with self._locked():\n"
            "            if any(bookmark.url == url for bookmark in self.all()):\n"
            "                return False\n"
        ),
        (
            "        if any(bookmark.url == url for bookmark in self.all()):\n"
            "            return False\n"
            "        with self._locked():\n"
        ),
        "gopher/follow/test_following.py::test_what_another_browser_marks_while_this_one_waits_for_the_lock_is_marked_once",
    ),
    Sabotage(
        "failures of an earlier look count for the next",
        "linelog/columns/maker_thread.py",
        "        self._failures, self.left = 0, self._lacking()",
        "        self.left = self._lacking()",
        "linelog/columns/test_maker_thread.py::test_many_failures_in_a_row_are_a_fault_of_the_machine_and_waited_for",
    ),
    Sabotage(
        "a segment that was sealed meanwhile waits for older ones",
        "linelog/columns/maker_thread.py",
        (
            "            if self._wake.is_set():\n"
            "                self._wake.clear()\n"
            "                self.left = self._lacking()"
        ),
        "            pass",
        "linelog/columns/test_maker_thread.py::test_a_segment_that_is_sealed_meanwhile_comes_before_older_ones",
    ),
    Sabotage(
        "a stop during a reload leaves its new sites",
        "kit/service/_reload.py",
        ("        self._service.served.close_added(self._added)\n        return self._applying"),
        "        return self._applying",
        "kit/service/test_service.py::test_a_stop_while_apply_goes_on_though_it_is_cancelled_leaves_nothing",
    ),
    Sabotage(
        "a service that has stopped leaves a timer",
        "kit/service/_stop.py",
        ("    service.long_lived.stop()\n"),
        "",
        "kit/service/test_service.py::test_sighup_reloads_and_is_given_back_at_the_end",
    ),
    Sabotage(
        "a socket file is made again at each look",
        "kit/net/_listener_address.py",
        ("            self.note_bound()\n            log.warn"),
        "            log.warn",
        "kit/net/test_listener_address.py::test_a_file_that_was_removed_is_made_anew",
    ),
    Sabotage(
        "a page of an answer that broke off is kept for the whole one",
        "gopher/gateway/fetching.py",
        "        if known is None or known.content is not content:",
        "        if known is None:",
        "gopher/gateway/test_fetching.py::test_a_page_of_an_answer_that_broke_off_is_not_kept_for_the_whole_one",
    ),
    Sabotage(
        "what is read while a menu is fetched becomes new again",
        "gopher/follow/following.py",
        (
            "        changed = False\n"
            "        with self._locked():\n"
            "            for each in self._read_titles():"
        ),
        ("        changed = False\n        if True:\n            for each in self._read_titles():"),
        "gopher/follow/test_following.py::test_what_one_reads_while_a_menu_is_fetched_stays_read",
    ),
    Sabotage(
        "a manifest is put into an archive before its files",
        "linelog/archive/putting.py",
        ("    _put_files(archive, made.objects, disk, going)\n    _put_manifest(archive, made)"),
        ("    _put_manifest(archive, made)\n    _put_files(archive, made.objects, disk, going)"),
        "linelog/archive/test_putting.py::test_putting_a_segment_can_be_given_up",
    ),
    Sabotage(
        "lines that are left out count once for each piece of events",
        "linelog/http/views/hub.py",
        (
            "            self._hand_out(ViewEvents(viewers, data, lines, missed))\n"
            "            missed = 0"
        ),
        "            self._hand_out(ViewEvents(viewers, data, lines, missed))",
        "linelog/http/test_hub.py::test_lines_that_are_left_out_before_events_in_several_pieces_are_counted_once",
    ),
    Sabotage(
        "a block is acknowledged before it is noted",
        "linelog/store/writer.py",
        ("        self._origins.record_stored(deposit.notes)\n"),
        "",
        "linelog/store/test_blocks.py::test_a_block_is_on_the_medium_when_it_is_acknowledged",
    ),
    Sabotage(
        "polls of several stores stay rare after one that handed out much",
        "linelog/http/views/stores_hub.py",
        (
            "        for number, hub in self._hubs.items():\n"
            "            hub.served = 0\n"
            "            if"
        ),
        ("        for number, hub in self._hubs.items():\n            if"),
        "linelog/http/views/test_stores_hub.py::test_the_next_look_comes_later_where_much_was_handed_out_and_then_sooner_again",
    ),
    Sabotage(
        "a jump of the clock that was taken back is still doubted",
        "linelog/store/sealing/retain.py",
        "        self._ahead, self.doubted = ahead, None",
        "        self._ahead = ahead",
        "linelog/store/sealing/test_retain.py::test_a_clock_is_believed_where_it_stays",
    ),
    Sabotage(
        "a sender that was resumed is resumed by each later answer",
        "linelog/intake/unfinished.py",
        "        waiting, self._waits_for_answer = self._waits_for_answer, {}",
        "        waiting = self._waits_for_answer",
        "linelog/intake/test_unfinished.py::test_a_sender_that_was_resumed_and_reads_on_is_not_resumed_again",
    ),
    Sabotage(
        "an answer that was given back still holds its turn",
        "linelog/intake/unfinished.py",
        ("            self._admitted -= 1\n            self.held -= size\n        self._admit"),
        ("            self.held -= size\n        self._admit"),
        "linelog/intake/test_unfinished.py::test_answers_are_admitted_in_their_order_as_far_as_there_is_room",
    ),
    Sabotage(
        "a holder that fails as it gives way stays",
        "linelog/intake/unfinished.py",
        ("            self.forget(oldest)\n            try:\n                oldest.give_way()"),
        (
            "            try:\n"
            "                oldest.give_way()\n"
            "                self.forget(oldest)"
        ),
        "linelog/intake/test_unfinished.py::test_a_holder_that_fails_as_it_gives_way_is_forgotten_and_the_next_ones_have_room",
    ),
    Sabotage(
        "a secret at the beginning of a line behind a masked one is stored",
        "linelog/intake/masks.py",
        "            if end <= offset < stop:",
        "            if end < offset < stop:",
        "linelog/intake/test_masks.py::test_secrets_at_the_edges_of_lines_are_masked_in_a_block_with_few",
    ),
    Sabotage(
        "a secret at the edge of a line is stored where many are masked",
        "linelog/intake/masks.py",
        "            if at >= line_end:",
        "            if at > line_end:",
        "linelog/intake/test_masks.py::test_secrets_at_the_edges_of_lines_are_masked_in_a_block_with_many",
    ),
    Sabotage(
        "settings that are refused change where searches are saved",
        "linelog/http/server.py",
        ("        token = read_http_token(settings)\n        readers = read_readers"),
        (
            "        self._saved.file = settings.saved\n"
            "        self._audit.is_on = settings.audit\n"
            "        token = read_http_token(settings)\n"
            "        readers = read_readers"
        ),
        "linelog/http/test_server.py::test_settings_that_are_wrong_change_nothing",
    ),
    Sabotage(
        "refusals that were left out are not told at a stop",
        "linelog/http/server.py",
        ("        self._audit.stop()\n"),
        "",
        "linelog/http/test_server.py::test_refusals_that_were_left_out_of_the_audit_log_are_told_at_a_stop",
    ),
    Sabotage(
        "after a kill in a rotation no later one succeeds",
        "linelog/store/active.py",
        ('        self._named = ""\n        return fd'),
        "        return fd",
        "linelog/store/test_active.py::test_after_a_kill_half_way_through_a_rotation_each_later_one_has_its_own_name",
    ),
    Sabotage(
        "a peer that was closed as idle is aborted at the next look",
        "kit/connections/_guarded_factory.py",
        ("            connection.quiet = 1\n            if connection.closing"),
        "            if connection.closing",
        "kit/connections/test_guarded_factory.py::test_a_peer_that_was_closed_as_idle_has_as_long_again_to_take_its_last_bytes",
    ),
    Sabotage(
        "a listener that was drained leaves a timer",
        "kit/connections/_guarded_factory.py",
        ("        self._sweep.stop()\n        self._gone.stop()\n        return cut"),
        ("        self._sweep.stop()\n        return cut"),
        "kit/connections/test_guarded_factory.py::test_after_a_drain_nothing_is_left_to_be_done",
    ),
]
