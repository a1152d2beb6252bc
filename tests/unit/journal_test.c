#include "executor/journal.h"

#include "base/fd.h"
#include "executor/phase.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

static int file(void)
{
	int fd = memfd_create("journal", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_APPEND), 0);
	return fd;
}

START_TEST(records_come_back_as_written)
{
	struct err e = { 0 };
	struct journal j;
	autofd log = file();
	autofd events = file();
	autofd bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(journal_init(&j, log, events, bell, &e), 0);
	ck_assert_int_eq(journal_event(&j, &e, "journal", "version", "1", "job", "42", NULL), 0);
	ck_assert_int_eq(journal_log(&j, "hello\n", 6, &e), 0);
	ck_assert_int_eq(
		journal_event(&j, &e, "verdict", "text", "a \"b\"\n=c\\ \x01", "empty", "", NULL),
		0);
	uint64_t rung = 0;
	ck_assert_int_eq(read(bell, &rung, sizeof rung), sizeof rung);
	ck_assert_uint_eq(rung, 1); /* the log's: a record alone is no news */

	struct journal_reader r;
	struct journal_record rec;
	journal_reader_init(&r, events);
	ck_assert_int_eq(journal_next(&r, &rec, &e), 1);
	ck_assert_str_eq(rec.kind, "journal");
	ck_assert_str_eq(journal_get(&rec, "job"), "42");
	ck_assert_str_eq(journal_get(&rec, "absent"), "");
	journal_record_done(&rec);
	ck_assert_int_eq(journal_next(&r, &rec, &e), 1);
	ck_assert_str_eq(rec.kind, "verdict");
	ck_assert_uint_eq(rec.off, 6);
	ck_assert_uint_gt(rec.t_us, 1700000000000000);
	ck_assert_str_eq(journal_get(&rec, "text"), "a \"b\"\n=c\\ \x01");
	ck_assert_str_eq(journal_get(&rec, "empty"), "");
	journal_record_done(&rec);
	ck_assert_int_eq(journal_next(&r, &rec, &e), 0);
	journal_reader_done(&r);
}
END_TEST

START_TEST(a_line_cut_by_a_crash_does_not_count)
{
	struct err e = { 0 };
	autofd events = file();
	struct journal_reader r;
	struct journal_record rec;
	journal_reader_init(&r, events);
	ck_assert_int_eq(fd_write_all(events, "t=1 off=2 ev=no", 15, &e), 0);
	ck_assert_int_eq(journal_next(&r, &rec, &e), 0);
	ck_assert_int_eq(fd_write_all(events, "te text=x\nbroken\n", 17, &e), 0);
	ck_assert_int_eq(journal_next(&r, &rec, &e), 1);
	ck_assert_str_eq(rec.kind, "note");
	ck_assert_uint_eq(rec.off, 2);
	journal_record_done(&rec);
	ck_assert_int_eq(journal_next(&r, &rec, &e), -1);
	ck_assert_str_eq(e.msg, "journal: malformed record");
	ck_assert_int_eq(journal_next(&r, &rec, &e), 0);
	journal_reader_done(&r);
}
END_TEST

START_TEST(a_writer_goes_on_where_the_log_ends)
{
	struct err e = { 0 };
	struct journal j;
	autofd log = file();
	autofd events = file();
	ck_assert_int_eq(fd_write_all(log, "before", 6, &e), 0);
	ck_assert_int_eq(journal_init(&j, log, events, -1, &e), 0);
	ck_assert_uint_eq(j.off, 6);
	ck_assert_int_eq(journal_log(&j, "", 0, &e), 0);
	ck_assert_uint_eq(j.off, 6);
}
END_TEST

START_TEST(a_full_disk_is_an_error_of_the_caller)
{
	struct err e = { 0 };
	autofd full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	autofd events = file();
	struct journal j;
	ck_assert_int_eq(journal_init(&j, full, events, -1, &e), 0);
	ck_assert_int_eq(journal_log(&j, "x", 1, &e), -1);
	ck_assert_int_eq(e.code, ENOSPC);
	ck_assert_uint_eq(j.off, 0);
}
END_TEST

START_TEST(phases_have_names_both_ways)
{
	for (int p = 0; p < PHASES; p++)
		ck_assert_int_eq(phase_named(phase_name((enum phase)p)), p);
	ck_assert_int_eq(phase_named("nonsense"), PHASES);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("journal");
	TCase *t = tcase_create("journal");
	tcase_add_test(t, records_come_back_as_written);
	tcase_add_test(t, a_line_cut_by_a_crash_does_not_count);
	tcase_add_test(t, a_writer_goes_on_where_the_log_ends);
	tcase_add_test(t, a_full_disk_is_an_error_of_the_caller);
	tcase_add_test(t, phases_have_names_both_ways);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
