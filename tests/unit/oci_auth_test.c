#include "protocol/oci_auth.h"

#include <check.h>
#include <errno.h>
#include <string.h>

static struct arena arena;
static struct err err;
static struct oci_challenge c;
static struct oci_login login;

static void setup(void)
{
	arena = (struct arena)ARENA(1 << 20);
	memset(&err, 0, sizeof err);
}

static void teardown(void)
{
	arena_done(&arena);
	oci_login_done(&login);
}

START_TEST(a_challenge_with_commas_in_its_quotes)
{
	static const char text[] =
		"Bearer realm=\"https://a.example/token\",service=\"a, \\\"b\\\"\", "
		"scope=\"repository:x:pull,push\"";
	ck_assert_int_eq(oci_challenge_parse(text, &arena, &c, &err), 0);
	ck_assert_int_eq(c.scheme, OCI_BEARER);
	ck_assert_str_eq(c.realm, "https://a.example/token");
	ck_assert_str_eq(c.service, "a, \"b\"");
	ck_assert_str_eq(c.scope, "repository:x:pull,push");
}
END_TEST

START_TEST(of_several_challenges_the_bearer)
{
	ck_assert_int_eq(oci_challenge_parse("Basic realm=x, Digest a=b, BEARER realm=\"y\"",
					     &arena, &c, &err),
			 0);
	ck_assert_int_eq(c.scheme, OCI_BEARER);
	ck_assert_str_eq(c.realm, "y");
	ck_assert_int_eq(oci_challenge_parse("Negotiate, Basic realm=\"r\"", &arena, &c, &err), 0);
	ck_assert_int_eq(c.scheme, OCI_BASIC);
	ck_assert_int_eq(oci_challenge_parse("Negotiate", &arena, &c, &err), 0);
	ck_assert_int_eq(c.scheme, OCI_NO_SCHEME);
	ck_assert_int_eq(oci_challenge_parse("", &arena, &c, &err), 0);
	ck_assert_int_eq(c.scheme, OCI_NO_SCHEME);
}
END_TEST

START_TEST(a_broken_challenge_is_refused)
{
	ck_assert_int_lt(oci_challenge_parse("Bearer realm=\"x", &arena, &c, &err), 0);
	ck_assert_int_lt(oci_challenge_parse("\"\"", &arena, &c, &err), 0);
	ck_assert_int_eq(err.code, EINVAL);
}
END_TEST

START_TEST(the_token_servers_address)
{
	autobuf b = BUF(4096);
	c = (struct oci_challenge){ OCI_BEARER, "https://A.example/t", "r&s", "" };
	ck_assert_int_eq(oci_token_url(&c, "a/b", false, &b, &err), 0);
	ck_assert_str_eq(buf_cstr(&b),
			 "https://a.example/t?service=r%26s&scope=repository%3Aa%2Fb%3Apull");
	buf_clear(&b);
	c = (struct oci_challenge){ OCI_BEARER, "https://a.example/t?x=1", "", "s" };
	ck_assert_int_eq(oci_token_url(&c, "a/b", false, &b, &err), 0);
	ck_assert_str_eq(buf_cstr(&b), "https://a.example/t?x=1&scope=s");
}
END_TEST

START_TEST(passwords_do_not_go_in_the_clear)
{
	autobuf b = BUF(4096);
	c = (struct oci_challenge){ OCI_BEARER, "http://a.example/t", "", "" };
	ck_assert_int_lt(oci_token_url(&c, "x", false, &b, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "HTTPS"));
	ck_assert_int_eq(oci_token_url(&c, "x", true, &b, &err), 0);
	c.realm = "file:///etc/passwd";
	ck_assert_int_lt(oci_token_url(&c, "x", true, &b, &err), 0);
	c.realm = "https://u:p@a.example/";
	ck_assert_int_lt(oci_token_url(&c, "x", true, &b, &err), 0);
	c.realm = "https://a.example/\r\nX: y";
	ck_assert_int_lt(oci_token_url(&c, "x", true, &b, &err), 0);
	c.realm = "https://a.example/?a=\r\nX: y";
	ck_assert_int_lt(oci_token_url(&c, "x", true, &b, &err), 0);
}
END_TEST

static int token(const char *text, struct secret *s)
{
	return oci_token_parse(text, strlen(text), s, &err);
}

START_TEST(a_token_is_taken)
{
	autosecret s = { 0 };
	ck_assert_int_eq(token("{\"token\":\"abc.d\",\"expires_in\":60}", &s), 0);
	ck_assert_str_eq(secret_expose(&s), "abc.d");
	ck_assert_int_eq(token("{\"access_token\":\"xyz\"}", &s), 0);
	ck_assert_str_eq(secret_expose(&s), "xyz");
	ck_assert_int_lt(token("{\"token\":\"a\\r\\nX: y\"}", &s), 0);
	ck_assert_ptr_null(strstr(err.msg, "X:"));
	ck_assert_int_lt(token("{}", &s), 0);
	ck_assert_int_lt(token("x", &s), 0);
}
END_TEST

static int find(const char *text, const char *host)
{
	oci_login_done(&login);
	return oci_login_find(text, strlen(text), host, &login, &err);
}

START_TEST(logins_are_found_by_host)
{
	static const char text[] =
		"{\"auths\":{\"https://r.example:5000/v2/\":{\"auth\":\"dTpwOnE=\"},"
		"\"https://index.docker.io/v1/\":{\"username\":\"me\",\"password\":\"a:b\"}}}";
	ck_assert_int_eq(find(text, "r.example:5000"), 0);
	ck_assert(login.found);
	ck_assert_str_eq(secret_expose(&login.basic), "dTpwOnE=");
	ck_assert_int_eq(find(text, "docker.io"), 0);
	ck_assert_str_eq(secret_expose(&login.basic), "bWU6YTpi");
	ck_assert_int_eq(find(text, "r.example"), 0);
	ck_assert(!login.found);
	ck_assert_int_eq(find(text, "evil-r.example:5000"), 0);
	ck_assert(!login.found);
}
END_TEST

START_TEST(what_cannot_be_used_is_said)
{
	ck_assert_int_lt(find("{\"auths\":{\"r\":{\"identitytoken\":\"hush\"}}}", "r"), 0);
	ck_assert_int_eq(err.code, ENOTSUP);
	ck_assert_ptr_null(strstr(err.msg, "hush"));
	ck_assert_int_lt(find("{\"auths\":{\"r\":{\"auth\":\"hu sh\\r\\n\"}}}", "r"), 0);
	ck_assert_ptr_null(strstr(err.msg, "hu sh"));
	ck_assert_int_eq(find("{\"credHelpers\":{\"r\":\"ecr\"}}", "r"), 0);
	ck_assert(login.helper && !login.found);
	ck_assert_int_eq(find("{\"auths\":{\"r\":{}}}", "r"), 0);
	ck_assert(!login.helper && !login.found);
	ck_assert_int_lt(find("nothing", "r"), 0);
	ck_assert_int_lt(find("[]", "r"), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("oci_auth");
	TCase *t = tcase_create("auth");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_challenge_with_commas_in_its_quotes);
	tcase_add_test(t, of_several_challenges_the_bearer);
	tcase_add_test(t, a_broken_challenge_is_refused);
	tcase_add_test(t, the_token_servers_address);
	tcase_add_test(t, passwords_do_not_go_in_the_clear);
	tcase_add_test(t, a_token_is_taken);
	tcase_add_test(t, logins_are_found_by_host);
	tcase_add_test(t, what_cannot_be_used_is_said);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
