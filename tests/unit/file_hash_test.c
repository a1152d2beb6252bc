#include "executor/file_hash.h"

#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/file-hash-XXXXXX";
static int dir;
static struct arena arena;
static struct err e;

static void put(const char *path, const char *text)
{
	autofd fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text), &e), 0);
}

static void setup(void)
{
	memcpy(root + strlen(root) - 6, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(root));
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert(mkdirat(dir, "a", 0755) == 0 && mkdirat(dir, "b", 0755) == 0);
	put("a/x", "1");
	put("b/x", "2");
	put("top", "3");
	ck_assert(symlinkat("../b", dir, "a/link") == 0 && symlinkat("..", dir, "b/up") == 0);
	arena = (struct arena)ARENA(16 << 20);
	err_clear(&e);
}

static void teardown(void)
{
	arena_done(&arena);
	close(dir);
	autofd tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fd_remove_tree(tmp, root + strlen("/tmp/"), &e), 0);
}

/* The files whose content that is, in this order. */
static const char *of(const char *contents)
{
	static char hex[DIGEST_HEX];
	uint8_t sum[DIGEST_SIZE];
	struct digest *one = digest_new(&e), *all = digest_new(&e);
	for (const char *s = contents; *s; s++) {
		ck_assert_int_eq(digest_add(one, s, 1, &e), 0);
		ck_assert_int_eq(digest_end(one, sum, &e), 0);
		ck_assert_int_eq(digest_add(all, sum, sizeof sum, &e), 0);
	}
	ck_assert_int_eq(digest_end(all, sum, &e), 0);
	digest_hex(sum, hex);
	digest_free(one);
	digest_free(all);
	return *contents ? hex : "";
}

struct row {
	const char *patterns[3];
	bool follow;
	const char *contents;
};

START_TEST(in_the_order_of_the_walk)
{
	static const struct row rows[] = {
		{ { "**" }, false, "123" },
		{ { "**/x" }, false, "12" },
		{ { "b/x", "a/x" }, false, "21" },
		{ { "b", "a" }, false, "21" },
		{ { "b/*", "**" }, false, "123" },
		{ { "**\n!b" }, false, "13" },
		{ { "**", "!**/x", "a/x" }, false, "13" },
		{ { "# a\n  top \n" }, false, "3" },
		{ { "nothing" }, false, "" },
		{ { "/etc/passwd" }, false, "" },
		{ { "../x" }, false, "" },
		{ { "{a,b}/x" }, false, "" },
		{ { "a/**" }, false, "1" },
		{ { "a/**" }, true, "321" }, /* a/link is b, b/up the top, and a is where we are */
		{ { "a/link/x" }, false, "2" },
		{ { "to?" }, false, "3" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		char hex[DIGEST_HEX];
		struct file_hash q = {
			.dir = dir, .root = root, .patterns = r->patterns, .follow_links = r->follow
		};
		while (q.n < 3 && r->patterns[q.n])
			q.n++;
		ck_assert_msg(file_hash(&q, &arena, hex, &e) == 0, "%zu: %s", i, e.msg);
		ck_assert_msg(strcmp(hex, of(r->contents)) == 0, "%zu", i);
	}
}
END_TEST

START_TEST(absolute_ones_are_below_the_root)
{
	char pattern[64], hex[DIGEST_HEX];
	const char *const patterns[] = { pattern };
	struct file_hash q = { .dir = dir, .root = root, .patterns = patterns, .n = 1 };
	snprintf(pattern, sizeof pattern, "%s/top", root);
	ck_assert_int_eq(file_hash(&q, &arena, hex, &e), 0);
	ck_assert_str_eq(hex, of("3"));
}
END_TEST

START_TEST(malformed)
{
	static const char *const patterns[] = { "[a" };
	char hex[DIGEST_HEX];
	struct file_hash q = { .dir = dir, .root = root, .patterns = patterns, .n = 1 };
	ck_assert_int_eq(file_hash(&q, &arena, hex, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "the pattern \"[a\""));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("file_hash");
	TCase *t = tcase_create("file_hash");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, in_the_order_of_the_walk);
	tcase_add_test(t, absolute_ones_are_below_the_root);
	tcase_add_test(t, malformed);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
