/* Patterns over paths, as doublestar reads them, and the files of a tree that they name. */
#include "base/fd.h"
#include "executor/file_list.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct arena arena = ARENA(8 << 20);

static struct glob compiled(const char *pattern)
{
	struct err e = { 0 };
	struct glob g;
	ck_assert_msg(glob_compile(&g, pattern, "/builds/g/p", &arena, &e) == 0, "%s: %s", pattern,
		      e.msg);
	return g;
}

struct match_row {
	const char *pattern, *path;
	bool matches;
};

static const struct match_row matches[] = {
	{ "a", "a", true },
	{ "a", "ab", false },
	{ "a", "b/a", false },
	{ "*", "a", true },
	{ "*", ".hidden", true },
	{ "*", "a/b", false },
	{ "*.o", "x.o", true },
	{ "*.o", "x.c", false },
	{ "a*b*c", "aXbbYc", true },
	{ "a*b*c", "aXbbY", false },
	{ "?", "\xc3\xa9", true },
	{ "??", "\xc3\xa9", false },
	{ "?", "\xff", true },
	{ "[a-c]x", "bx", true },
	{ "[a-c]x", "dx", false },
	{ "[^a-c]x", "dx", true },
	{ "[!a-c]x", "bx", false },
	{ "[]]", "]", true },
	{ "[a\\]]", "]", true },
	{ "[\xc3\xa0-\xc3\xb0]", "\xc3\xa9", true },
	{ "\\*", "*", true },
	{ "\\*", "a", false },
	{ "**", "a/b/c", true },
	{ "**/c", "c", true },
	{ "**/c", "a/b/c", true },
	{ "a/**", "a", true },
	{ "a/**", "a/b", true },
	{ "a/**", "b/a", false },
	{ "a/**/z", "a/z", true },
	{ "a/**/z", "a/b/c/z", true },
	{ "a/**/z", "a/b/c/y", false },
	{ "a/**/b/**/c", "a/x/b/y/z/c", true },
	{ "**.txt", "a.txt", true },
	{ "**.txt", "d/a.txt", false },
	{ "{a,b}/x", "b/x", true },
	{ "{a,b}/x", "c/x", false },
	{ "{a/b,c}/**", "a/b/q", true },
	{ "{,x}y", "y", true },
	{ "{a,{b,c}d}", "cd", true },
	{ "a[{]b", "a{b", true },
	{ "}", "}", true },
	{ "./a//b/", "a/b", true },
	{ "a/../b", "b", true },
	{ "/builds/g/p/out/*", "out/a", true },
	{ "/builds/g/p", "any/thing", false },
	{ "*/*/*/*/*/*a", "b/b/b/b/b/bbbbbbbbbbbbbbbbbbb", false },
};

START_TEST(patterns)
{
	const struct match_row *r = &matches[_i];
	struct glob g = compiled(r->pattern);
	ck_assert_msg(glob_match(&g, r->path) == r->matches, "%s %s", r->pattern, r->path);
}
END_TEST

struct bad_row {
	const char *pattern;
	int code;
};

static const struct bad_row bad[] = {
	{ "..", EXDEV },
	{ "a/../../b", EXDEV },
	{ "/etc/passwd", EXDEV },
	{ "/builds/g/project", EXDEV },
	{ "*/..", EINVAL },
	{ "[a", EINVAL },
	{ "[a/b]", EINVAL },
	{ "a\\", EINVAL },
	{ "{a,b", EINVAL },
	{ "{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}", EINVAL },
	{ "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/30/31/32/"
	  "1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18/19/20/21/22/23/24/25/26/27/28/29/30/31/32",
	  EINVAL },
};

START_TEST(refusals)
{
	struct err e = { 0 };
	struct glob g;
	ck_assert_int_eq(glob_compile(&g, bad[_i].pattern, "/builds/g/p", &arena, &e), -1);
	ck_assert_msg(e.code == bad[_i].code && e.msg[0], "%s: %s", bad[_i].pattern, e.msg);
}
END_TEST

/* --- a tree ------------------------------------------------------------------------------------- */

static char root[] = "/tmp/courser-glob-XXXXXX";
static int dir = -1;
static struct file_list list;

static void touch(const char *name)
{
	autofd fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
}

static void setup(void)
{
	snprintf(root, sizeof root, "/tmp/courser-glob-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
	ck_assert_int_eq(mkdirat(dir, "out", 0700), 0);
	ck_assert_int_eq(mkdirat(dir, "out/deep", 0700), 0);
	touch("top.txt");
	touch("out/a.o");
	touch("out/deep/b.o");
	touch("out/deep/c.txt");
	ck_assert_int_eq(symlinkat("/etc", dir, "link"), 0);
	ck_assert_int_eq(symlinkat("deep", dir, "out/here"), 0);
	ck_assert_int_eq(mkfifoat(dir, "out/fifo", 0600), 0);
	file_list_init(&list);
	list.tree = dir;
}

static void teardown(void)
{
	struct err e = { 0 };
	file_list_done(&list);
	fd_close(&dir);
	ck_assert_int_eq(fd_remove_tree(AT_FDCWD, root, &e), 0);
	arena_done(&arena);
}

static size_t add(const char *pattern)
{
	struct err e = { 0 };
	struct glob g = compiled(pattern);
	struct file_found found = { 0 };
	ck_assert_msg(file_list_glob(&list, &g, &found, &e) == 0, "%s: %s", pattern, e.msg);
	return found.found;
}

/* "a b c" */
static const char *listed(void)
{
	static char text[1024];
	size_t n = 0;
	file_list_sort(&list);
	text[0] = '\0';
	for (size_t i = 0; i < list.n; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? " " : "",
				      list.paths[i]);
	return text;
}

START_TEST(files_by_pattern)
{
	ck_assert_uint_eq(add("**/*.o"), 2);
	ck_assert_uint_eq(add("out/*.o"), 1);
	ck_assert_uint_eq(add("nothing/*"), 0);
	ck_assert_uint_eq(add("top.txt/below"), 0);
	ck_assert_str_eq(listed(), "out/a.o out/deep/b.o");
}
END_TEST

START_TEST(a_directory_brings_what_is_in_it)
{
	ck_assert_uint_eq(add("out"), 6);
	ck_assert_str_eq(listed(), "out out/a.o out/deep out/deep/b.o out/deep/c.txt out/here");
}
END_TEST

START_TEST(links_are_not_followed)
{
	ck_assert_uint_eq(add("link/passwd"), 0);
	ck_assert_uint_eq(add("link/**/passwd"), 0);
	ck_assert_uint_eq(add("out/here/*"), 0);
	ck_assert_uint_eq(add("link"), 1);
	ck_assert_str_eq(listed(), "link");
}
END_TEST

START_TEST(excludes)
{
	struct file_exclude out[] = { { .pattern = compiled("out/deep/**") },
				      { .pattern = compiled("**/*.o") } };
	list.excludes = out;
	list.nexcludes = 2;
	ck_assert_uint_eq(add("**"), 4);
	ck_assert_str_eq(listed(), "link out out/here top.txt");
	ck_assert_uint_eq(out[0].kept_out, 3);
	ck_assert_uint_eq(out[1].kept_out, 1);
}
END_TEST

START_TEST(too_deep_is_said)
{
	struct err e = { 0 };
	struct file_found found = { 0 };
	struct glob g = compiled("**");
	int at = openat(dir, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < FILE_LIST_DEPTH + 2; i++) {
		ck_assert_int_eq(mkdirat(at, "d", 0700), 0);
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_close(&at);
		at = next;
	}
	fd_close(&at);
	ck_assert_int_eq(file_list_glob(&list, &g, &found, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "directories in one another"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("glob");
	TCase *text = tcase_create("text"), *tree = tcase_create("tree");
	tcase_add_loop_test(text, patterns, 0, sizeof matches / sizeof *matches);
	tcase_add_loop_test(text, refusals, 0, sizeof bad / sizeof *bad);
	tcase_add_checked_fixture(tree, setup, teardown);
	tcase_add_test(tree, files_by_pattern);
	tcase_add_test(tree, a_directory_brings_what_is_in_it);
	tcase_add_test(tree, links_are_not_followed);
	tcase_add_test(tree, excludes);
	tcase_add_test(tree, too_deep_is_said);
	suite_add_tcase(s, text);
	suite_add_tcase(s, tree);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
