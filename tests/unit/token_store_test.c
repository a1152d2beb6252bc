#include "runner/token_store.h"

#include "base/fd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct err e;
static char top[64];
static int dir = -1;
static struct arena arena;

static void setup(void)
{
	snprintf(top, sizeof top, "/tmp/token-store-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(top));
	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	arena = (struct arena)ARENA(1 << 20);
}

static void teardown(void)
{
	arena_done(&arena);
	fd_close(&dir);
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, top, &e), 0);
}

static void keep(const char *name, const char *replaced, const char *token, uint64_t obtained)
{
	const struct token_kept k = { name, "https://host/a b", replaced, token, obtained, 7 };
	ck_assert_int_eq(token_store_keep(dir, &k, &e), 0);
}

/* The token that counts where the configuration says `configured`; NULL: that one. */
static const char *find(const char *name, const char *configured)
{
	const struct token_kept like = { name, "https://host/a b", configured, NULL, 0, 0 };
	struct token_kept k = { 0 };
	int found = token_store_find(dir, &like, &arena, &k, &e);
	ck_assert_int_ge(found, 0);
	return found ? k.token : NULL;
}

START_TEST(the_newest_counts)
{
	struct stat st;
	ck_assert_ptr_null(find("one", "old"));
	keep("one", "old", "new", 1);
	keep("the \"other\"\n", "old", "\x01 strange=\\", 2);
	ck_assert_str_eq(find("one", "old"), "new");
	ck_assert_str_eq(find("the \"other\"\n", "old"), "\x01 strange=\\");
	keep("one", "old", "newer", 3);
	ck_assert_str_eq(find("one", "old"), "newer");
	ck_assert_int_eq(fstatat(dir, "tokens", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(another_configured_token_is_obeyed)
{
	keep("one", "old", "new", 1);
	ck_assert_ptr_null(find("one", "written by the operator"));
	ck_assert_ptr_null(find("two", "old"));
}
END_TEST

START_TEST(what_is_forgotten)
{
	ck_assert_int_eq(token_store_forget(dir, "one", "https://host/a b", &e), 0);
	keep("one", "old", "new", 1);
	keep("two", "old", "new", 1);
	ck_assert_int_eq(token_store_forget(dir, "one", "https://host/a b", &e), 0);
	ck_assert_ptr_null(find("one", "old"));
	ck_assert_str_eq(find("two", "old"), "new");
}
END_TEST

START_TEST(times_come_back)
{
	const struct token_kept like = { "one", "https://host/a b", "old", NULL, 0, 0 };
	struct token_kept k = { 0 };
	keep("one", "old", "new", UINT64_MAX);
	ck_assert_int_eq(token_store_find(dir, &like, &arena, &k, &e), 1);
	ck_assert(k.obtained == UINT64_MAX && k.expires == 7);
}
END_TEST

/* What a torn disk left is an error to who reads, and no obstacle to who writes. */
START_TEST(a_damaged_store)
{
	static const char *const damaged[] = { "one",           "one two three", "\"",
					       "a b c d e f\n", "a b c d 1 2",   "a b c d 1 2x\n",
					       "\n\n" };
	for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
		const struct token_kept like = { "one", "u", "old", NULL, 0, 0 };
		struct token_kept k;
		struct err why = { 0 };
		autobuf text = BUF(64);
		ck_assert_int_eq(buf_str(&text, damaged[i], &e), 0);
		ck_assert_int_eq(fd_replace_file(dir, "tokens", 0600, &text, &e), 0);
		ck_assert_int_eq(token_store_find(dir, &like, &arena, &k, &why), -1);
		ck_assert_int_eq(why.code, EBADMSG);
		keep("one", "old", "new", 1);
		ck_assert_str_eq(find("one", "old"), "new");
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("token_store");
	TCase *t = tcase_create("token_store");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_newest_counts);
	tcase_add_test(t, another_configured_token_is_obeyed);
	tcase_add_test(t, what_is_forgotten);
	tcase_add_test(t, times_come_back);
	tcase_add_test(t, a_damaged_store);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
