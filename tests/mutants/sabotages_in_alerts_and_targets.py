"""Defects in time of alerts, and of what is sent on: the stores that they follow, targets, lakes."""

from tests.mutants.sabotages import Sabotage

IN_ALERTS_AND_TARGETS = [
    Sabotage(
        "a message is sent before the place behind the one before it is saved",
        "linelog/alerts/alert_child.py",
        ("        self._save_if_due(name, now)\n        watch.send_taken()"),
        ("        watch.send_taken()\n        self._save_if_due(name, now)"),
        "linelog/alerts/test_watcher.py::test_a_message_that_has_arrived_is_kept_before_the_next_one_is_sent",
    ),
    Sabotage(
        "an alert that is made again at once has no silences for readers",
        "linelog/alerts/alert_child.py",
        (
            "        self._scans.replace_watches(self._watches.values(), new)\n"
            "        # The daemon forgets the number of an alert that it removes, and"
            " perhaps makes again at once.\n"
            "        self._reported_silences = {}"
        ),
        "        self._scans.replace_watches(self._watches.values(), new)",
        "linelog/alerts/test_condition_watch.py::test_an_alert_that_is_removed_and_made_again_at_once_still_has_its_silences",
    ),
    Sabotage(
        "the files of a scan that joins another stay open",
        "linelog/alerts/shared_scan.py",
        ("                one.close()\n            else:\n                self._scans.append(one)"),
        ("                pass\n            else:\n                self._scans.append(one)"),
        "linelog/alerts/test_shared_scan.py::test_a_watch_further_back_joins_the_others_when_it_reaches_them",
    ),
    Sabotage(
        "a place is saved before the state of its condition",
        "linelog/alerts/alert_child.py",
        (
            "            if isinstance(watch, ConditionWatch):\n"
            "                self._kept.save_state(name, watch.task, watch.state)\n"
            "            self._kept.save_progress(name, watch.task, progress)"
        ),
        (
            "            self._kept.save_progress(name, watch.task, progress)\n"
            "            if isinstance(watch, ConditionWatch):\n"
            "                self._kept.save_state(name, watch.task, watch.state)"
        ),
        "linelog/alerts/test_watcher.py::test_the_state_of_a_condition_is_saved_before_its_place",
    ),
    Sabotage(
        "silences that cannot be read a second time are not told",
        "linelog/alerts/alert_child.py",
        (
            "                self._silences = silences_by_alert(self._kept.silences())\n"
            '                self._silence_fault = ""'
        ),
        "                self._silences = silences_by_alert(self._kept.silences())",
        "linelog/alerts/test_condition_watch.py::test_silences_that_can_be_read_and_then_not_again_are_reported_once_more",
    ),
    Sabotage(
        "a store that was removed stays open for alerts",
        "linelog/read/watched_stores.py",
        "            self.views.pop(number).close()",
        "            self.views.pop(number)",
        "linelog/read/test_stores_follow.py::test_lines_that_wait_are_not_lost_when_the_only_other_store_is_removed",
    ),
    Sabotage(
        "a store that cannot be read a second time is not told",
        "linelog/read/watched_stores.py",
        ("        self._missing.discard(number)\n        self._faults.pop(number, None)"),
        "        self._missing.discard(number)",
        "linelog/alerts/test_several_stores.py::test_a_store_that_cannot_be_read_is_told_again_when_it_could_be_read_meanwhile",
    ),
    Sabotage(
        "what comes while places are saved is not searched at a stop",
        "linelog/alerts/alert_child.py",
        (
            "            # Lines that have come since the last search are searched first.\n"
            "            self._waiting.clear()\n"
        ),
        "",
        "linelog/alerts/test_watcher.py::test_a_stop_while_places_are_saved_still_searches_what_has_come_since",
    ),
    Sabotage(
        "a reload sends early to a receiver that is down",
        "linelog/alerts/watch.py",
        (
            "        if task != self.task:\n"
            "            self._failures, self._retry_at = 0, 0.0\n"
            "        self.task"
        ),
        ("        self._failures, self._retry_at = 0, 0.0\n        self.task"),
        "linelog/alerts/test_watcher.py::test_a_reload_that_changes_no_alert_sends_nothing_early_to_a_receiver_that_is_down",
    ),
    Sabotage(
        "an alert that is changed during its message waits for the old receiver",
        "linelog/alerts/watch.py",
        ("        if self._sent_by != self.task.alert:\n            pause = 0.0\n"),
        "",
        "linelog/alerts/test_watcher.py::test_an_alert_that_was_changed_while_its_message_was_under_way_is_tried_again_at_once",
    ),
    Sabotage(
        "the first failure after a success has a long pause",
        "linelog/alerts/watch.py",
        (
            '        """Note that a message has arrived, or is given up."""\n'
            "        self._failures, self._retry_at = 0, 0.0"
        ),
        '        """Note that a message has arrived, or is given up."""',
        "linelog/alerts/test_watcher.py::test_a_message_that_arrives_ends_the_long_pauses",
    ),
    Sabotage(
        "what a kill has left hinders each later save of an alert",
        "linelog/alerts/alert_places.py",
        ("            disk.unlink(file + TMP_SUFFIX)\n            path"),
        "            path",
        "linelog/alerts/test_alert_places.py::test_what_a_kill_left_beside_a_firing_alert_hinders_no_save",
    ),
    Sabotage(
        "a store that came is saved late by the alerts that read it",
        "linelog/alerts/shared_scan.py",
        ("                watch.changed = True\n"),
        ("                pass\n"),
        "linelog/alerts/test_several_stores.py::test_a_store_that_comes_or_goes_is_saved_at_once",
    ),
    Sabotage(
        "the settings of an alert that no longer fires stay",
        "linelog/alerts/alert_places.py",
        ("        else:\n            disk.unlink(file)\n"),
        "",
        "linelog/alerts/test_alert_places.py::test_the_settings_of_an_alert_go_when_it_no_longer_fires",
    ),
    Sabotage(
        "silences are read before they are locked",
        "linelog/alerts/states/silences.py",
        (
            "        with store_errors(failed):\n"
            "            _lock(folder)\n"
            "            # Root's command may have made the folder and the lock, which the"
            " server needs.\n"
            "            _give_to_owner(directory, folder)\n"
            "        silences = _read(folder, now())"
        ),
        (
            "        silences = _read(folder, now())\n"
            "        with store_errors(failed):\n"
            "            _lock(folder)\n"
            "            # Root's command may have made the folder and the lock, which the"
            " server needs.\n"
            "            _give_to_owner(directory, folder)"
        ),
        "linelog/alerts/states/test_silences.py::test_of_silences_that_begin_at_the_same_moment_all_are_kept",
    ),
    Sabotage(
        "an alert that is removed fires for ever",
        "linelog/alerts/states/counted_reports.py",
        (
            "            if self._conditions.get(label) != before.get(label):\n"
            "                self._firing[label] = 0\n"
        ),
        "",
        "linelog/alerts/states/test_counted_reports.py::test_what_is_true_now_follows_the_reports_and_ends_with_the_alert",
    ),
    Sabotage(
        "a place in a store that could not be read is used again",
        "linelog/read/stores_follow.py",
        (
            "                begin = self._stores.within_store(number, self._unread.pop(number), known)"
        ),
        "                begin = self._stores.within_store(number, self._unread[number], known)",
        "linelog/alerts/test_several_stores.py::test_a_store_that_cannot_be_read_at_the_start_goes_on_where_each_alert_was",
    ),
    Sabotage(
        "alerts that shared a scan count lines twice after a store came",
        "linelog/alerts/shared_scan.py",
        (
            "        self._watches = [watch for watch in self._watches if not watch.step]\n"
            "        return timed"
        ),
        "        return timed",
        "linelog/alerts/test_several_stores.py::test_alerts_that_shared_a_scan_when_a_store_came_count_no_line_twice",
    ),
    Sabotage(
        "an alert is known to fire before its settings are saved",
        "linelog/alerts/alert_places.py",
        (
            '        if state["episodes"]:\n'
            "            disk.unlink(file + TMP_SUFFIX)\n"
            "            path = Path(self.folder.path(file + TMP_SUFFIX))\n"
            "            create_file(path, json_then_checksum(as_document(task)), 0o600)\n"
            "            disk.rename(file + TMP_SUFFIX, file)\n"
            "        else:\n"
            "            disk.unlink(file)\n"
            "        disk.replace_durably(name + STATE_SUFFIX, json_then_checksum(state))"
        ),
        (
            "        disk.replace_durably(name + STATE_SUFFIX, json_then_checksum(state))\n"
            '        if state["episodes"]:\n'
            "            disk.unlink(file + TMP_SUFFIX)\n"
            "            path = Path(self.folder.path(file + TMP_SUFFIX))\n"
            "            create_file(path, json_then_checksum(as_document(task)), 0o600)\n"
            "            disk.rename(file + TMP_SUFFIX, file)\n"
            "        else:\n"
            "            disk.unlink(file)"
        ),
        "linelog/alerts/test_alert_places.py::test_the_settings_of_a_firing_alert_are_there_before_its_state_says_that_it_fires",
    ),
    Sabotage(
        "a place is saved behind a target that does not let go",
        "linelog/ship/send_loop.py",
        (
            "        self.progress.save()\n"
            "        self.sender.close()\n"
            "        with suppress(Exception):\n"
            "            await self._limit(LAST, self.sender.target.close)"
        ),
        (
            "        with suppress(Exception):\n"
            "            await self._limit(LAST, self.sender.target.close)\n"
            "        self.progress.save()\n"
            "        self.sender.close()"
        ),
        "linelog/ship/test_send_loop.py::test_the_place_is_saved_before_a_target_that_does_not_let_go_is_waited_for",
    ),
    Sabotage(
        "a target that was busy long ago counts as busy for long",
        "linelog/ship/send_loop.py",
        ("        self._busy_since = None\n        if not self._up:"),
        "        if not self._up:",
        "linelog/ship/test_send_loop.py::test_a_target_that_asks_to_be_tried_again_now_and_then_is_not_down",
    ),
    Sabotage(
        "a target that gets something now and then is asked again",
        "linelog/ship/send_loop.py",
        ("                asked = self._clock.seconds()\n            # Even"),
        "            # Even",
        "linelog/ship/test_send_loop.py::test_a_target_that_gets_something_now_and_then_is_not_asked_again",
    ),
    Sabotage(
        "the next process of an archive's target is not told",
        "linelog/ship/target_processes.py",
        (
            "                self.asking = True\n"
            "                self.process.start_or_update()\n"
            "                self.asking = False"
        ),
        ("                self.asking = True\n                self.process.start_or_update()"),
        "linelog/ship/test_target_processes.py::test_retention_that_asks_often_disturbs_the_process_once_and_the_log_never",
    ),
    Sabotage(
        "a process is told again what it knows is due",
        "linelog/ship/target_processes.py",
        ("        if due != self.due:\n"),
        ("        if True:\n"),
        "linelog/ship/test_target_processes.py::test_retention_that_asks_often_disturbs_the_process_once_and_the_log_never",
    ),
    Sabotage(
        "a target that was taken out keeps its figures",
        "linelog/ship/target_processes.py",
        ("                shipped.reported.remove_metrics()\n"),
        ("                pass\n"),
        "linelog/ship/test_target_processes.py::test_in_any_order_of_reloads_reports_and_deaths_holds_and_names_are_of_the_present_targets",
    ),
    Sabotage(
        "the end of a process at a stop is news for retention",
        "linelog/ship/target_processes.py",
        ("        if not self._stopping:\n            self._update_holds()"),
        "        self._update_holds()",
        "linelog/ship/test_target_processes.py::test_the_end_of_a_process_at_a_stop_is_no_news_for_retention",
    ),
    Sabotage(
        "a target that comes back is told its settings of before",
        "linelog/ship/target_processes.py",
        (
            "        shipped.settings, shipped.orders, shipped.wanted = settings, orders,"
            " True\n"
            "        shipped.reported.register_metrics()\n"
            "        shipped.process.start_or_update()"
        ),
        (
            "        shipped.process.start_or_update()\n"
            "        shipped.settings, shipped.orders, shipped.wanted = settings, orders,"
            " True\n"
            "        shipped.reported.register_metrics()"
        ),
        "linelog/ship/test_target_processes.py::test_a_target_that_comes_back_with_another_query_is_told_that_one",
    ),
    Sabotage(
        "the age of the first line is that of an earlier one",
        "linelog/ship/status.py",
        "        if self._first is None or self._first[0] != position:",
        "        if self._first is None:",
        "linelog/ship/test_status.py::test_it_is_measured_anew_as_lines_come_and_segments_end",
    ),
    Sabotage(
        "a file of a lake that was made again counts as the one before",
        "linelog/lake/lake_target.py",
        "        known = self._others.get((name, size))",
        (
            "        known = next((one for key, one in self._others.items() if key[0] =="
            " name), None)"
        ),
        "linelog/lake/test_lake.py::test_retention_hears_of_a_file_that_was_there_when_it_asked_before",
    ),
    Sabotage(
        "the first file of a segment comes into a lake before the others",
        "linelog/lake/lake_segment.py",
        (
            "        for day in days.others:\n"
            "            note = LakeNote(store, segment, day, text)\n"
            "            sizes[day] = _put_day(archive, days, note, disk, going)\n"
            "        _put_day(archive, days, LakeNote(store, segment, days.first, text,"
            " sizes), disk, going)"
        ),
        (
            "        _put_day(archive, days, LakeNote(store, segment, days.first, text,"
            " sizes), disk, going)\n"
            "        for day in days.others:\n"
            "            note = LakeNote(store, segment, day, text)\n"
            "            sizes[day] = _put_day(archive, days, note, disk, going)"
        ),
        "linelog/lake/test_lake_segment.py::test_the_first_file_comes_last_and_a_repetition_makes_the_same",
    ),
    Sabotage(
        "retention may remove what an archive has lost",
        "linelog/ship/segment_sender.py",
        "        self._release_to_retention(min(self._released, lacking[0].number))",
        "        pass",
        "linelog/ship/test_segment_sender.py::test_what_the_archive_has_lost_stays_here_though_it_was_released",
    ),
    Sabotage(
        "an edit that a reload has read is undone by a save",
        "linelog/alerts/page/page_api.py",
        (
            "            if self._applied != applied:\n"
            "                # A reload has read the file, perhaps after an operator has"
            " edited it.\n"
            "                return self._change(file, partial(saved_alerts.read_alerts,"
            " file))\n"
        ),
        "",
        "linelog/alerts/page/test_page_api.py::test_an_edit_that_a_reload_has_read_after_a_save_is_not_undone",
    ),
    Sabotage(
        "each change of the page logs all wrong alerts again",
        "linelog/alerts/page/page_api.py",
        "if before.get(one[0]) != one[1]]",
        "if one]",
        "linelog/alerts/page/test_page_api.py::test_a_wrong_alert_of_the_file_is_logged_once_and_again_when_it_was_right_meanwhile",
    ),
    Sabotage(
        "who looks at alerts waits for changes",
        "linelog/alerts/page/page_api.py",
        "        self._reading = OneAtATime(context.reactor)",
        "        self._reading = self._work",
        "linelog/alerts/page/test_page_api.py::test_who_only_looks_does_not_wait_for_a_change",
    ),
]
