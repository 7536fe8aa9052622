"""Which tests hold that hub, spawner, form and Dask clusters survive each fault; a fault without one is an error."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

FAULTS: dict[str, tuple[str, list[str]]] = {
    "F1": ("squeue fails with words of its own", [
        "hub_ext/faults/test_scheduler.py::test_whatever_squeue_says_the_server_is_kept",
        "facility/service/test_squeue_faults.py::test_an_error_nobody_knows_is_told_in_its_words_with_since_when",
    ]),
    "F2": ("squeue answers nothing, with success", [
        "hub_ext/faults/test_scheduler.py::test_whatever_squeue_says_the_server_is_kept",
        "spawners/start/test_life.py::test_one_empty_snapshot_proves_nothing",
        "facility/service/scheduler/test_poller.py::test_no_fault_of_squeue_loses_a_job",
    ]),
    "F3": ("squeue's answer is cut off", [
        "facility/providers/test_squeue.py::test_a_cut_answer_is_counted",
        "facility/service/scheduler/test_poller.py::test_no_fault_of_squeue_loses_a_job",
    ]),
    "F4": ("squeue answers garbage, or bytes that are no UTF-8", [
        "hub_ext/faults/test_scheduler.py::test_whatever_squeue_says_the_server_is_kept",
        "facility/service/test_squeue_faults.py::test_rows_that_nobody_can_read_are_counted_and_end_no_job",
    ]),
    "F5": ("squeue hangs", [
        "facility/providers/test_run.py::test_a_hanging_command_is_ended_with_its_children",
        "facility/service/scheduler/test_poller.py::test_no_fault_of_squeue_loses_a_job",
    ]),
    "F6": ("slurmctld is down under a running server", [
        "hub_ext/faults/test_scheduler.py::test_a_controller_that_is_away_costs_neither_a_server_nor_a_start",
    ]),
    "F7": ("slurmctld is down when a server is asked for", [
        "hub_ext/faults/test_scheduler.py::test_a_controller_that_is_away_costs_neither_a_server_nor_a_start",
        "spawners/start/test_submit.py::test_a_scheduler_that_is_down_is_waited_for",
    ]),
    "F8": ("sbatch's answer is lost", [
        "hub_ext/faults/test_scheduler.py::test_a_submission_whose_answer_was_lost_is_one_job",
        "spawners/start/test_submit.py::test_an_unanswered_sbatch_that_took_nothing_is_repeated",
    ]),
    "F9": ("sbatch refuses", [
        "hub_ext/test_start.py::test_wrong_options_by_rest_are_refused_before_sbatch",
        "hub_ext/login/test_login.py::test_a_refused_form_keeps_the_input_and_names_the_field",
        "spawners/start/test_submit.py::test_a_refusal_is_told_at_once",
    ]),
    "F10": ("scancel fails", [
        "hub_ext/faults/test_scheduler.py::test_a_stop_that_slurm_refuses_is_repeated_until_it_confirms",
        "spawners/start/test_submit.py::test_a_stop_is_repeated_until_the_scheduler_confirms",
    ]),
    "F11": ("the accounting database is down", [
        "facility/service/test_accounting_down.py::test_without_accounting_people_go_on_with_what_was_last_known",
    ]),
    "F12": ("the facility service is down", [
        "hub_ext/login/test_login.py::test_the_form_comes_from_the_last_offer_when_the_facility_is_down",
        "spawners/form/test_page.py::test_a_dead_facility_still_draws_a_form",
    ]),
    "F13": ("the facility service is slow", [
        "facility/test_offer.py::test_a_silent_service_costs_the_budget_and_no_more",
        "facility/test_offer.py::test_a_failing_service_is_left_alone_for_a_while",
    ]),
    "F14": ("something else answers in the facility's place", [
        "facility/test_offer.py::test_nonsense_leaves_the_last_good_offer",
    ]),
    "F15": ("the facility refuses a token, or asks for time", [
        "hub_ext/test_keys.py::test_a_token_that_was_refused_before_its_time_is_replaced",
        "facility/test_offer.py::test_a_service_that_asks_for_time_is_given_it",
    ]),
    "F16": ("the hub is killed during a start", [
        "hub_ext/starts/test_crashes.py::test_whenever_the_hub_is_killed_the_start_ends_with_one_job_that_serves",
        "hub_ext/test_restarts.py::test_a_hub_killed_while_the_job_is_pending_follows_it_again",
        "hub_ext/test_restarts.py::test_a_start_killed_after_sbatch_adopts_the_job",
    ]),
    "F17": ("the hub is restarted under running servers", [
        "hub_ext/test_restarts.py::test_a_running_server_is_kept_over_a_hub_restart",
    ]),
    "F18": ("the hub is restarted while slurmctld is down", [
        "hub_ext/faults/test_scheduler.py::test_a_controller_that_is_away_costs_neither_a_server_nor_a_start",
        "hub_ext/test_restarts.py::test_a_restart_while_slurm_is_down_keeps_the_start",
    ]),
    "F19": ("the proxy is killed", [
        "hub_ext/faults/test_around.py::test_a_proxy_that_was_killed_is_told_its_routes_again",
    ]),
    "F20": ("a node is lost, or the job is requeued", [
        "hub_ext/test_restarts.py::test_a_requeued_job_proves_itself_anew_even_to_a_restarted_hub",
        "hub_ext/starts/test_endings.py::test_an_end_is_named_on_the_page_that_a_person_meets",
    ]),
    "F21": ("walltime, preemption, the end of a reservation", [
        "hub_ext/starts/test_endings.py::test_walltime_and_a_reservations_end_are_told_apart",
        "hub_ext/starts/test_endings.py::test_an_end_is_named_on_the_page_that_a_person_meets",
    ]),
    "F22": ("the server dies and its job lives; memory runs out", [
        "hub_ext/starts/test_endings.py::test_a_dead_server_in_a_living_job_is_noticed_and_its_job_ended",
        "hub_ext/starts/test_endings.py::test_memory_that_ran_out_is_named",
    ]),
    "F23": ("a rank of a Dask cluster is killed", [
        "dask_hpc/scheduling/test_elastic.py::test_a_lost_rank_comes_back_under_a_new_name",
        "dask_hpc/deploy/test_cluster.py::test_a_dead_rank_neither_takes_the_others_nor_stops_close",
    ]),
    "F24": ("a rank is stopped, as on a node that hangs", [
        "dask_hpc/test_faults.py::test_a_rank_that_is_stopped_is_replaced_and_goes",
    ]),
    "F25": ("a rank dies, or raises, in a function on many ranks", [
        "dask_hpc/gangs/test_regang.py::test_a_lost_rank_is_named_and_a_gang_of_all_ranks_gets_a_new_world",
        "dask_hpc/gangs/test_run.py::test_an_exception_in_one_rank_frees_the_others",
        "dask_hpc/gangs/test_step.py::test_a_crash_in_a_step_hurts_no_worker",
    ]),
    "F26": ("a block's job ends: walltime, preemption, a reservation's end", [
        "dask_hpc/scheduling/test_leaving.py::test_walltime_takes_nothing_with_it",
        "dask_hpc/scheduling/test_leaving.py::test_preemption_with_notice_takes_nothing_with_it",
        "dask_hpc/scheduling/test_leaving.py::test_preemption_without_notice_costs_time_only",
        "dask_hpc/scheduling/test_leaving.py::test_the_end_of_a_reservation_is_told_before_it_comes",
        "dask_hpc/scheduling/test_elastic.py::test_a_lost_block_is_replaced",
    ]),
    "F27": ("the scheduler of a Dask cluster is killed", [
        "dask_hpc/test_faults.py::test_a_killed_scheduler_is_named_and_takes_its_jobs_along",
        "dask_hpc/jobs/test_on_this_machine.py::test_a_killed_agent_is_noticed",
    ]),
    "F29": ("the kernel that made a Dask cluster is killed", [
        "dask_hpc/deploy/test_cluster.py::test_a_kernel_that_dies_leaves_its_data_to_the_next",
        "dask_hpc/deploy/test_cluster.py::test_a_cluster_that_everybody_forgot_ends",
        "dask_hpc/test_faults.py::test_a_killed_kernel_leaves_a_cluster_for_a_while_only",
    ]),
    "blocks": ("a block is refused or waits for ever; no room for a cluster's files; adapting without end", [
        "dask_hpc/scheduling/test_elastic.py::test_a_refused_block_is_told_and_not_counted",
        "dask_hpc/scheduling/test_leaving.py::test_a_block_that_waits_for_ever_is_told_and_withdrawn",
        "dask_hpc/test_faults.py::test_a_disk_that_is_full_costs_the_record_its_news_only",
        "dask_hpc/test_faults.py::test_a_home_that_is_full_gets_no_cluster",
        "dask_hpc/test_faults.py::test_adapting_many_times_leaves_nothing",
        "dask_hpc/gangs/test_run.py::test_gangs_in_opposite_order_do_not_deadlock",
    ]),
    "F31": ("the hub's own disk is full", [
        "hub_ext/faults/test_disk.py::test_a_hub_that_cannot_write_submits_nothing_and_heals",
        "hub_ext/faults/test_database_full.py::test_looks_are_answered_and_changes_are_refused_with_the_reason",
        "hub_ext/faults/test_database_full.py::test_a_job_that_begins_while_nothing_can_be_written_is_kept_until_it_can",
        "spawners/test_intents.py::test_a_store_that_takes_nothing_says_so",
    ]),
    "F32": ("a home directory has no room", [
        "hub_ext/faults/test_disk.py::test_a_home_without_room_is_named_before_anything_is_submitted",
    ]),
    "F33": ("clocks differ, or are set", [
        "facility/service/identity/test_clocks.py::test_an_access_token_of_another_time_says_that_the_clock_differs",
        "facility/service/health/test_clock_watch.py::test_work_goes_on_after_the_clock_was_set_back",
        "hub_ext/login/test_id_token.py::test_an_institution_whose_clock_differs_is_told_from_a_sign_in_that_ended",
    ]),
    "F34": ("a very long queue", [
        "facility/providers/test_squeue.py::test_a_real_array_has_all_its_tasks",
        "hub_ext/test_start.py::test_waiting_in_the_queue_takes_no_place_among_the_starts",
        "hub_ext/pages/test_overview.py::test_a_thousand_servers_are_pages_and_none_is_lost",
    ]),
    "F35": ("a reservation is deleted, has ended, or has not begun", [
        "spawners/form/test_page.py::test_a_reservation_that_ended_does_not_appear",
        "hub_ext/starts/test_reservations.py"
        "::test_who_waits_in_a_reservation_reads_what_becomes_of_it_and_can_leave",
        "spawners/start/test_reserved.py::test_each_of_its_ends_is_told_with_what_to_do",
        "hub_ext/starts/test_endings.py::test_walltime_and_a_reservations_end_are_told_apart",
        "spawners/form/test_options.py::test_a_reservation_that_ended_meanwhile_is_refused",
    ]),
    "F36": ("an account is locked, has expired, or is gone during a session", [
        "facility/service/as_user/test_helper.py::test_nothing_is_done_for_an_account_that_is_closed",
        "facility/service/identity/test_closed.py"
        "::test_a_closed_account_has_no_token_no_key_and_no_login_until_it_is_open_again",
        "facility/service/sfapi/test_closed.py::test_the_tokens_of_an_account_that_is_locked_end_by_themselves",
        "hub_ext/departed/test_rounds.py::test_the_facilitys_word_counts_before_the_institution_is_asked",
        "hub_ext/systems/test_two_systems.py"
        "::test_a_departure_ends_tokens_at_every_facility_also_at_one_that_was_away",
    ]),
    "F37": ("a login or token has ended or was revoked", [
        "hub_ext/test_keys.py::test_an_ended_login_is_refreshed_once_and_kept",
        "hub_ext/test_keys.py::test_a_login_that_cannot_be_refreshed_asks_to_sign_in_again",
    ]),
    "F38": ("two tabs ask for one server", ["hub_ext/test_start.py::test_two_clicks_are_one_job"]),
    "F39": ("a second hub process", [
        "hub_ext/test_start.py::test_a_second_hub_on_the_same_folder_does_not_start",
        "spawners/start/test_submit.py::test_a_job_of_somebody_else_is_never_adopted",
    ]),
    "F40": ("stored state is damaged, or of another version", [
        "spawners/test_intents.py::test_a_row_of_another_version_hides_no_other",
        "spawners/test_intents.py::test_a_server_whose_request_is_damaged_is_kept",
        "hub_ext/faults/test_around.py::test_a_damaged_record_ends_neither_its_own_server_nor_the_hub",
    ]),
    "F41": ("names that are no UTF-8, or hold control signs", [
        "facility/providers/test_squeue.py::test_a_hostile_name_stays_in_its_own_job",
        "spawners/form/test_page.py::test_text_from_outside_stays_text",
        "spawners/start/test_progress.py::test_a_log_is_shown_without_terminal_signs_and_not_without_end",
    ]),
    "F42": ("a request of a megabyte", [
        "hub_ext/login/test_login.py::test_a_huge_form_is_refused_before_it_is_stored",
        "hub_ext/faults/test_attacks.py::test_what_is_written_into_options_reaches_neither_script_nor_command",
        "hub_ext/test_routes.py::test_a_huge_claim_is_not_even_read",
    ]),
    "F45": ("the institution does not answer", [
        "hub_ext/pages/test_home.py::test_an_institution_that_is_away_is_on_the_login_page_and_sessions_go_on",
        "hub_ext/login/test_login.py::test_an_institution_that_is_away_is_named",
    ]),
    "F48": ("the image registry does not answer", [
        "facility/service/test_site_images.py::test_a_catalogue_that_falls_silent_keeps_its_last_answer_and_says_since_when",
        "spawners/form/test_options.py::test_what_the_facility_never_told_is_refused_with_its_reason",
    ]),
    "F49": ("ports are taken; a node has no address", [
        "spawners/test_job_side.py::test_a_taken_port_is_passed_over_and_a_full_range_is_named",
        "spawners/test_job_side.py::test_the_reported_port_is_held_until_the_server_listens_there",
    ]),
    "F50": ("an upgrade or downgrade with servers up", [
        "spawners/test_intents.py::test_a_store_of_the_version_before_is_read_on",
        "spawners/test_intents.py::test_what_a_later_version_adds_to_a_request_is_overlooked",
    ]),
    "attacks": ("pages of other sites, injected options, callbacks", [
        "hub_ext/faults/test_attacks.py::test_nothing_is_done_at_the_bidding_of_another_sites_page",
        "hub_ext/faults/test_attacks.py::test_what_is_written_into_options_reaches_neither_script_nor_command",
        "hub_ext/faults/test_attacks.py::test_callbacks_give_nothing_to_who_knows_no_secret",
    ]),
}  # fmt: skip
"""Each fault with what it is, and the tests that hold what is promised of it in docs/faults.md."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_tests_that_exist(fault: str) -> None:
    """A test that is renamed or removed is missed here."""
    _, named = FAULTS[fault]
    missing = []
    for place in named:
        path, _, name = place.partition("::")
        tree = ast.parse((TESTS / path).read_text(encoding="utf-8")) if (TESTS / path).exists() else ast.Module([], [])
        known = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
        missing += [] if name in known else [place]

    assert named
    assert [] == missing
