#include "runner/registration.h"

#include "base/fd.h"
#include "runner/config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char dir[] = "/tmp/courser-registration-XXXXXX";
static char path[80], token_path[80];
static struct err e;

static void setup(void)
{
	e = (struct err){ 0 };
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/sub/config.yaml", dir);
	snprintf(token_path, sizeof token_path, "%s/token", dir);
}

static void teardown(void)
{
	struct err ignored = { 0 };
	autofd tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(fd_remove_tree(tmp, dir + strlen("/tmp/"), &ignored), 0);
	memcpy(strrchr(dir, '-'), "-XXXXXX", 7);
}

static void file_is(const char *name, const char *want)
{
	autobuf b = BUF(1 << 20);
	struct stat st;
	ck_assert_msg(fd_read_file(name, &b, &e) == 0, "%s", e.msg);
	ck_assert_str_eq(buf_cstr(&b), want);
	ck_assert_int_eq(stat(name, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
}

static void file_make(const char *name, const char *text)
{
	char parent[96];
	snprintf(parent, sizeof parent, "%s/sub", dir);
	ck_assert(mkdir(parent, 0700) == 0 || errno == EEXIST);
	autofd fd = open(name, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fd_write_all(fd, text, strlen(text), &e), 0);
}

static const struct registration hello = {
	.name = "my \"box\"",
	.url = "http://h",
	.token = "glrt-1",
	.id = 7,
	.token_obtained_at = 1769853600,
	.tls_ca_file = "/ca",
};

/* What hello is, two spaces deep. */
#define HELLO                                                                                     \
	"  - name: \"my \\\"box\\\"\"\n    url: \"http://h\"\n    id: 7\n    token: \"glrt-1\"\n" \
	"    token_obtained_at: 2026-01-31T10:00:00Z\n    tls_ca_file: \"/ca\"\n"
#define SHALLOW                                                                           \
	"- name: \"my \\\"box\\\"\"\n  url: \"http://h\"\n  id: 7\n  token: \"glrt-1\"\n" \
	"  token_obtained_at: 2026-01-31T10:00:00Z\n  tls_ca_file: \"/ca\"\n"

static const struct edit {
	const char *before, *after; /* after NULL: refused */
} adds[] = {
	{ "", "runners:\n" HELLO },
	{ "# only this", "# only this\nrunners:\n" HELLO },
	{ "concurrent: 4 # four\n", "concurrent: 4 # four\nrunners:\n" HELLO },
	{ "runners:\nconcurrent: 4\n", "runners:\n" HELLO "concurrent: 4\n" },
	{ "runners: [] # none\n# end\n", "runners: # none\n" HELLO "# end\n" },
	{ "runners: [ ]", "runners:\n" HELLO },
	{ "runners:\n  # first\n  - url: http://a # one\n    token: t\n\n# tail\nconcurrent: 2\n",
	  "runners:\n  # first\n  - url: http://a # one\n    token: t\n" HELLO
	  "\n# tail\nconcurrent: 2\n" },
	{ "runners:\n- url: http://a\n  token: t",
	  "runners:\n- url: http://a\n  token: t\n" SHALLOW },
	{ "runners:\n- url: http://a\n  token: t\n  pre_build_script: |\n    one\n    two\n\nid_base: "
	  "70000\n",
	  "runners:\n- url: http://a\n  token: t\n  pre_build_script: |\n    one\n    two\n\n" SHALLOW
	  "id_base: 70000\n" },
	{ "runners:\n  - {url: \"http://a\", token: t}\n",
	  "runners:\n  - {url: \"http://a\", token: t}\n" HELLO },
	{ "runners: [{url: \"http://a\", token: t}]\n", NULL },
	{ "runners: 3\n", NULL },
	{ "{concurrent: 3}\n", NULL },
	{ "a: [\n", NULL },
};

START_TEST(a_runner_of_gitea)
{
	const struct registration gitea = { .name = "g",
					    .url = "http://h",
					    .token = "u:t",
					    .forge = "gitea",
					    .labels = "linux\na:host\n",
					    .ephemeral = true };
	file_make(path, "");
	ck_assert_msg(registration_add(path, &gitea, &e) == 0, "%s", e.msg);
	file_is(path, "runners:\n  - name: \"g\"\n    url: \"http://h\"\n    forge: \"gitea\"\n"
		      "    labels: [\"linux\", \"a:host\"]\n    ephemeral: true\n    token: "
		      "\"u:t\"\n");
}
END_TEST

START_TEST(added)
{
	const struct edit *x = &adds[_i];
	file_make(path, x->before);
	ck_assert_msg(registration_add(path, &hello, &e) == (x->after ? 0 : -1), "%s", e.msg);
	if (x->after) {
		file_is(path, x->after);
	} else {
		autobuf b = BUF(1000);
		ck_assert(*e.msg && !strstr(e.msg, "glrt-1"));
		ck_assert_int_eq(fd_read_file(path, &b, &e), 0);
		ck_assert_str_eq(b.p, x->before);
	}
}
END_TEST

START_TEST(file_is_made)
{
	static struct config_errors errors;
	struct arena a = ARENA(CONFIG_ARENA_MAX);
	ck_assert_msg(registration_add(path, &hello, &e) == 0, "%s", e.msg);
	file_is(path, "runners:\n" HELLO);
	const struct config *c = config_load(path, NULL, &a, &errors, &e);
	ck_assert_msg(c != NULL, "%s", e.msg);
	ck_assert_uint_eq(c->nrunners, 1);
	ck_assert_str_eq(c->runners[0].name, "my \"box\"");
	ck_assert_uint_eq(c->runners[0].token_obtained_at, hello.token_obtained_at);
	arena_done(&a);
}
END_TEST

#define TWO                                                                                 \
	"# top\nrunners:\n  - name: a # first\n    url: http://a\n    token: t1 # secret\n" \
	"  # second\n  -\n    url: http://b\n    name: \"\xc3\xa9\"\n    token:\n"          \
	"concurrent: 2\n"

START_TEST(removed)
{
	struct registration_who who = { "a", "http://a", NULL };
	file_make(path, TWO);
	ck_assert_msg(registration_remove(path, &who, &e) == 0, "%s", e.msg);
	file_is(path,
		"# top\nrunners:\n  # second\n  -\n    url: http://b\n    name: \"\xc3\xa9\"\n"
		"    token:\nconcurrent: 2\n");
	ck_assert_int_eq(registration_remove(path, &who, &e), -1);
	ck_assert_int_eq(e.code, ENOENT);
	who = (struct registration_who){ "\xc3\xa9", "http://b", NULL };
	ck_assert_msg(registration_remove(path, &who, &e) == 0, "%s", e.msg);
	file_is(path, "# top\nrunners:\n  # second\nconcurrent: 2\n");
	ck_assert_int_eq(registration_add(path, &hello, &e), 0);
}
END_TEST

START_TEST(renewed)
{
	struct registration_who who = { "a", "http://a", "t1" };
	struct registration with = { .token = "t: \"2\"", .token_expires_at = 1769853600 };
	file_make(path, TWO);
	ck_assert_msg(registration_renew(path, &who, &with, &e) == 0, "%s", e.msg);
	file_is(path, "# top\nrunners:\n  - name: a # first\n    url: http://a\n"
		      "    token: \"t: \\\"2\\\"\" # secret\n"
		      "    token_expires_at: 2026-01-31T10:00:00Z\n"
		      "  # second\n  -\n    url: http://b\n    name: \"\xc3\xa9\"\n    token:\n"
		      "concurrent: 2\n");
	ck_assert_int_eq(registration_renew(path, &who, &with, &e), -1); /* it is not t1 any more */
	ck_assert_int_eq(e.code, ENOENT);
	who = (struct registration_who){ "\xc3\xa9", "http://b", NULL };
	with = (struct registration){ .token = "t3" };
	ck_assert_msg(registration_renew(path, &who, &with, &e) == 0, "%s", e.msg);
	file_is(path, "# top\nrunners:\n  - name: a # first\n    url: http://a\n"
		      "    token: \"t: \\\"2\\\"\" # secret\n"
		      "    token_expires_at: 2026-01-31T10:00:00Z\n"
		      "  # second\n  -\n    url: http://b\n    name: \"\xc3\xa9\"\n"
		      "    token: \"t3\"\nconcurrent: 2\n");
}
END_TEST

START_TEST(first_key_and_times_are_replaced)
{
	struct registration_who who = { "runner-0", "http://a", NULL };
	struct registration with = { .token = "new",
				     .token_obtained_at = 1,
				     .token_expires_at = 2 };
	file_make(path,
		  "runners:\n- token: 'old'\n  token_expires_at: \"2026-01-31 10:00:00Z\" # x\n"
		  "  url: http://a\n");
	ck_assert_msg(registration_renew(path, &who, &with, &e) == 0, "%s", e.msg);
	file_is(path, "runners:\n- token: \"new\"\n  token_expires_at: 1970-01-01T00:00:02Z # x\n"
		      "  url: http://a\n  token_obtained_at: 1970-01-01T00:00:01Z\n");
}
END_TEST

START_TEST(token_file_is_renewed)
{
	char text[256];
	struct registration_who who = { "runner-0", "http://a", "old" };
	struct registration with = { .token = "new" };
	file_make(token_path, "old\n");
	snprintf(text, sizeof text, "runners:\n- url: http://a\n  token_file: %s\n", token_path);
	file_make(path, text);
	ck_assert_msg(registration_renew(path, &who, &with, &e) == 0, "%s", e.msg);
	file_is(token_path, "new\n");
	file_is(path, text);
	file_make(path, "runners:\n- url: http://a\n  token_file: cred\n");
	ck_assert_int_eq(registration_renew(path, &who, &with, &e), -1);
	ck_assert_str_eq(e.msg, "token_file: a systemd credential cannot be replaced");
}
END_TEST

/* Where an edit would have to guess, nothing is changed. */
static const char *const refused[] = {
	"runners: [{name: a, url: \"http://a\", token: t}]\n",
	"x: &x {name: a, url: \"http://a\", token: t}\nrunners:\n- *x\n",
	"runners:\n- name: a\n  url: http://a\n  token: |\n    t\n",
};

START_TEST(nothing_is_guessed)
{
	struct registration_who who = { "a", "http://a", NULL };
	struct registration with = { .token = "new" };
	autobuf b = BUF(1000);
	file_make(path, refused[_i]);
	ck_assert_int_eq(registration_renew(path, &who, &with, &e), -1);
	ck_assert(*e.msg && !strstr(e.msg, "new"));
	ck_assert_int_eq(fd_read_file(path, &b, &e), 0);
	ck_assert_str_eq(b.p, refused[_i]);
}
END_TEST

START_TEST(links_are_followed)
{
	char real[96];
	snprintf(real, sizeof real, "%s/real.yaml", dir);
	file_make(real, "concurrent: 1\n");
	ck_assert_int_eq(symlink(real, path), 0);
	ck_assert_msg(registration_add(path, &hello, &e) == 0, "%s", e.msg);
	struct stat st;
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	file_is(real, "concurrent: 1\nrunners:\n" HELLO);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("registration");
	TCase *t = tcase_create("registration");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_runner_of_gitea);
	tcase_add_loop_test(t, added, 0, sizeof adds / sizeof *adds);
	tcase_add_test(t, file_is_made);
	tcase_add_test(t, removed);
	tcase_add_test(t, renewed);
	tcase_add_test(t, first_key_and_times_are_replaced);
	tcase_add_test(t, token_file_is_renewed);
	tcase_add_loop_test(t, nothing_is_guessed, 0, sizeof refused / sizeof *refused);
	tcase_add_test(t, links_are_followed);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
