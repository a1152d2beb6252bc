#include "runner/state.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct err e;
static char top[64];
static struct state state;

static void setup(void)
{
	char path[128];
	snprintf(top, sizeof top, "/tmp/state-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	snprintf(path, sizeof path, "%s/a/b", top);
	ck_assert_int_eq(state_open(&state, path, "", &e), 0);
}

static void teardown(void)
{
	state_close(&state);
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, top, &e), 0);
}

static ino_t inode(int fd)
{
	struct stat st;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	close(fd);
	return st.st_ino;
}

START_TEST(there_is_one_daemon)
{
	struct err why = { 0 };
	autofd first = state_lock(&state, &e);
	ck_assert_int_ge(first, 0);
	ck_assert_int_eq(state_lock(&state, &why), -1);
	ck_assert_int_eq(why.code, EWOULDBLOCK);
	fd_close(&first);
	autofd again = state_lock(&state, &e);
	ck_assert_int_ge(again, 0);
}
END_TEST

START_TEST(a_closed_way_is_named)
{
	char shut[STATE_PATH] = "", want[128], path[128];
	snprintf(want, sizeof want, "%s", top);
	snprintf(path, sizeof path, "%s/a/b/not/yet", top);
	ck_assert(!state_reachable(path, shut)); /* mkdtemp's 0700 */
	ck_assert_str_eq(shut, want);
	ck_assert_int_eq(chmod(top, 0711), 0);
	ck_assert(state_reachable(path, shut));
	snprintf(want, sizeof want, "%s/a", top);
	ck_assert_int_eq(chmod(want, 0750), 0);
	ck_assert(!state_reachable(path, shut));
	ck_assert_str_eq(shut, want);
	ck_assert(state_reachable("/", shut));
	ck_assert(state_existing(path, shut));
	snprintf(want, sizeof want, "%s/a/b", top);
	ck_assert_str_eq(shut, want);
	ck_assert(state_existing("nowhere-at-all", shut));
	ck_assert(!state_existing("/dev/null/x", shut));
}
END_TEST

START_TEST(a_slot_has_one_user)
{
	struct err why = { 0 };
	autofd zero = state_slot(&state, 0, &e);
	autofd one = state_slot(&state, 1, &e);
	ck_assert_int_ge(zero, 0);
	ck_assert_int_ge(one, 0);
	ck_assert_int_eq(state_slot(&state, 0, &why), -1);
	ck_assert_int_eq(why.code, EWOULDBLOCK);
}
END_TEST

START_TEST(no_two_mirrors_share_a_place)
{
	static const char *const origins[] = { "https://a", "https://a:1", "http://a",
					       "",          "https://a/b", "https://a%2Fb",
					       "..",        "https://A" };
	enum { N = sizeof origins / sizeof *origins };
	ino_t seen[2 * N];
	for (size_t i = 0; i < N; i++) {
		seen[2 * i] = inode(state_mirror(&state, origins[i], 7, false, &e));
		seen[2 * i + 1] = inode(state_mirror(&state, origins[i], 7, true, &e));
	}
	for (size_t i = 0; i < 2 * N; i++)
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(seen[i] != seen[k], "%zu and %zu", i, k);
	ck_assert(inode(state_mirror(&state, origins[0], 7, false, &e)) == seen[0]);
	ck_assert(inode(state_mirror(&state, origins[0], 8, false, &e)) != seen[0]);
}
END_TEST

START_TEST(what_may_go_is_where_it_was_put)
{
	static const struct {
		const char *path;
		bool there;
	} rows[] = { { "s/jobs", true },     { "s/slots", true },    { "s/trees", true },
		     { "s/mirrors", false }, { "s/images", false },  { "c/d/mirrors", true },
		     { "c/d/images", true }, { "c/d/caches", true }, { "c/d/jobs", false } };
	struct state s;
	char path[128], cache[128];
	snprintf(path, sizeof path, "%s/s", top);
	snprintf(cache, sizeof cache, "%s/c/d", top);
	ck_assert_int_eq(state_open(&s, path, cache, &e), 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(path, sizeof path, "%s/%s", top, rows[i].path);
		ck_assert_msg((access(path, F_OK) == 0) == rows[i].there, "%s", rows[i].path);
	}
	state_close(&s);
	ck_assert(s.dir == -1 && s.cache == -1 && s.mirrors == -1);
	snprintf(path, sizeof path, "%s/t", top);
	ck_assert_int_eq(state_open(&s, path, "/dev/null/x", &e), -1);
	ck_assert(s.dir == -1 && strstr(e.msg, "/dev/null"));
	err_clear(&e);
}
END_TEST

START_TEST(long_names_have_room)
{
	char url[1000];
	memset(url, '/', sizeof url - 1);
	url[sizeof url - 1] = '\0';
	ino_t first = inode(state_mirror_of_url(&state, url, false, &e));
	url[sizeof url - 2] = 'x';
	ck_assert(inode(state_mirror_of_url(&state, url, false, &e)) != first);
	ck_assert(inode(state_mirror_of_url(&state, url, true, &e)) !=
		  inode(state_mirror_of_url(&state, url, false, &e)));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("state");
	TCase *t = tcase_create("state");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, there_is_one_daemon);
	tcase_add_test(t, a_closed_way_is_named);
	tcase_add_test(t, a_slot_has_one_user);
	tcase_add_test(t, no_two_mirrors_share_a_place);
	tcase_add_test(t, what_may_go_is_where_it_was_put);
	tcase_add_test(t, long_names_have_room);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
