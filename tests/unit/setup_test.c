#include "sandbox/setup.h"

#include "sandbox/etc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Where the step stands; the test fails when there is none or more than one of that name. */
static size_t at(const char *name)
{
	size_t n, found = SIZE_MAX;
	const struct setup_step *steps = setup_steps(&n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(steps[i].name, name) == 0) {
			ck_assert_msg(found == SIZE_MAX, "%s is there twice", name);
			found = i;
		}
	ck_assert_msg(found != SIZE_MAX, "there is no step %s", name);
	return found;
}

START_TEST(seccomp_is_last)
{
	size_t n;
	setup_steps(&n);
	ck_assert_uint_eq(at("seccomp"), n - 1);
}
END_TEST

static const char *const order[][2] = {
	{ "sources", "id maps" },    /* opened as who the runner is */
	{ "id maps", "root mount" }, /* files of unmapped ids cannot be made */
	{ "root mount", "mounts" },
	{ "host", "pivot" },
	{ "proc", "pivot" }, /* a new /proc needs an old one in sight */
	{ "private directories", "mounts" },
	{ "mounts", "pivot" },
	{ "pivot", "read-only" },
	{ "read-only", "ids" },
	{ "network", "capabilities" },
	{ "hostname", "capabilities" },
	{ "limits", "ids" },
	{ "bounding set", "ids" },
	{ "ids", "capabilities" },
	{ "capabilities", "no_new_privs" },
	{ "no_new_privs", "landlock" }, /* both need it, without capabilities */
	{ "landlock", "seccomp" },
};

START_TEST(each_step_before_what_undoes_it)
{
	ck_assert_uint_lt(at(order[_i][0]), at(order[_i][1]));
}
END_TEST

START_TEST(every_step_can_be_run)
{
	size_t n;
	const struct setup_step *steps = setup_steps(&n);
	ck_assert_uint_gt(n, 10);
	for (size_t i = 0; i < n; i++)
		ck_assert(steps[i].run != NULL);
}
END_TEST

START_TEST(notes_are_lines_and_have_an_end)
{
	struct setup s = { 0 };
	setup_note(&s, "landlock: ABI %d", 3);
	setup_note(&s, "second");
	ck_assert_str_eq(s.notes, "landlock: ABI 3\nsecond\n");
	for (int i = 0; i < NOTES; i++)
		setup_note(&s, "one more line");
	ck_assert_uint_lt(strlen(s.notes), NOTES);
	ck_assert_int_eq(s.notes[strlen(s.notes) - 1], '\n');
}
END_TEST

static const struct {
	const char *name;
	int hidden;
} etc[] = {
	{ "shadow", 1 },    { "shadow-", 1 },   { "gshadow", 1 },     { "sudoers.d", 1 },
	{ "ssh", 1 },       { "courser", 1 },   { "machine-id", 1 },  { "gitlab-runner", 1 },
	{ ".pwd.lock", 1 }, { "ssl", 0 },       { "ld.so.cache", 0 }, { "alternatives", 0 },
	{ "gitconfig", 0 }, { "localtime", 0 }, { "profile", 0 },     { "java-17-openjdk", 0 },
};

START_TEST(what_of_etc_is_hidden)
{
	ck_assert_msg(etc_is_private(etc[_i].name) == etc[_i].hidden, "%s", etc[_i].name);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("setup");
	tcase_add_test(t, seccomp_is_last);
	tcase_add_loop_test(t, each_step_before_what_undoes_it, 0, sizeof order / sizeof *order);
	tcase_add_test(t, every_step_can_be_run);
	tcase_add_test(t, notes_are_lines_and_have_an_end);
	tcase_add_loop_test(t, what_of_etc_is_hidden, 0, sizeof etc / sizeof *etc);
	Suite *s = suite_create("setup");
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
