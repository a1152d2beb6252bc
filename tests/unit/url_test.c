#include "protocol/url.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *text, *want; /* want NULL: refused with why */
	const char *why;
} rows[] = {
	{ "https://gitlab.example.com", "https://gitlab.example.com", NULL },
	{ "https://gitlab.example.com/", "https://gitlab.example.com", NULL },
	{ "HTTPS://GitLab.Example.COM/", "https://gitlab.example.com", NULL },
	{ "http://h/gitlab/", "http://h/gitlab", NULL },
	{ "http://h/GitLab//", "http://h/GitLab", NULL },
	{ "http://h/ci", "http://h", NULL },
	{ "http://h/ci/", "http://h", NULL },
	{ "http://h/gitlab/ci/", "http://h/gitlab", NULL },
	{ "http://h/fci", "http://h/fci", NULL },
	{ "http://127.0.0.1:8080", "http://127.0.0.1:8080", NULL },
	{ "http://[::1]:80/x", "http://[::1]:80/x", NULL },
	{ "ftp://h", NULL, "http" },
	{ "gitlab.example.com", NULL, "http" },
	{ "", NULL, "http" },
	{ "http://", NULL, "no host" },
	{ "http:///x", NULL, "no host" },
	{ "http://[]", NULL, "no host" },
	{ "http://[::1", NULL, "no host" },
	{ "http://h:0/", NULL, "port" },
	{ "http://h:65536/", NULL, "port" },
	{ "http://h:99999999999/", NULL, "port" },
	{ "http://h:x/", NULL, "port" },
	{ "http://h:", NULL, "port" },
	{ "http://h;x", NULL, "port" },
	{ "http://user:hunter2@h/", NULL, "password" },
	{ "http://h/?a=b", NULL, "query" },
	{ "http://h/#f", NULL, "query" },
	{ "http://h/a b", NULL, "byte" },
	{ "http://h\n/", NULL, "byte" },
	{ "http://h\\@evil/", NULL, "byte" },
};

START_TEST(addresses)
{
	struct err e = { 0 };
	autobuf b = BUF(URL_MAX + 1);
	int r = url_gitlab_base(rows[_i].text, &b, &e);
	if (rows[_i].want) {
		ck_assert_msg(r == 0, "%s: %s", rows[_i].text, e.msg);
		ck_assert_str_eq(buf_cstr(&b), rows[_i].want);
		return;
	}
	ck_assert_msg(r < 0, "%s was taken", rows[_i].text);
	ck_assert_msg(strstr(e.msg, rows[_i].why) != NULL, "%s: %s", rows[_i].text, e.msg);
	ck_assert_ptr_null(strstr(e.msg, "hunter2"));
	ck_assert_uint_eq(b.len, 0);
}
END_TEST

START_TEST(only_gitlab_loses_its_ci)
{
	struct err e = { 0 };
	autobuf b = BUF(URL_MAX + 1);
	ck_assert_int_eq(url_normalise("https://H/ci/", &b, &e), 0);
	ck_assert_str_eq(buf_cstr(&b), "https://h/ci");
}
END_TEST

START_TEST(long_addresses_are_refused)
{
	struct err e = { 0 };
	char text[URL_MAX + 20] = "http://h/";
	memset(text + 9, 'a', sizeof text - 10);
	autobuf b = BUF(URL_MAX + 1);
	ck_assert_int_eq(url_normalise(text, &b, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "longer"));
}
END_TEST

START_TEST(hosts)
{
	char host[URL_HOST_MAX];
	url_host("https://h:8443/x/y", host);
	ck_assert_str_eq(host, "h:8443");
	url_host("http://[::1]", host);
	ck_assert_str_eq(host, "[::1]");
	ck_assert(url_is_tls("https://h"));
	ck_assert(!url_is_tls("http://h"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("url");
	TCase *t = tcase_create("addresses");
	tcase_add_loop_test(t, addresses, 0, (int)(sizeof rows / sizeof *rows));
	tcase_add_test(t, only_gitlab_loses_its_ci);
	tcase_add_test(t, long_addresses_are_refused);
	tcase_add_test(t, hosts);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
