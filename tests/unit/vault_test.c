#include "protocol/vault.h"
#include "protocol/vault_json.h"
#include "protocol/vault_path.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct err e;

static void setup(void)
{
	e = (struct err){ 0 };
}

static struct vault_reply *parse(const char *text)
{
	struct vault_reply *r = vault_reply_parse(text, strlen(text), &e);
	ck_assert_msg(r != NULL, "%s", e.msg);
	return r;
}

static const struct {
	const char *text;
	enum vault_engine engine;
	const char *field, *want; /* want NULL: refused with why in the message */
	size_t n;
	const char *why;
} values[] = {
	{ "{\"data\":{\"data\":{\"p\":\"v\"}}}", VAULT_KV2, "p", "v", 1, NULL },
	{ "{\"data\":{\"p\":\"v\"}}", VAULT_KV1, "p", "v", 1, NULL },
	{ "{\"data\":{\"p\":\"\"}}", VAULT_GENERIC, "p", "", 0, NULL },
	{ "{\"data\":{\"p\":\"a\\u0000b\"}}", VAULT_KV1, "p", "a\0b", 3, NULL },
	{ "{\"data\":{\"p\":\"\\u0000\"}}", VAULT_KV1, "p", "\0", 1, NULL },
	{ "{\"data\":{\"p\":\"\\u0000#7\"}}", VAULT_KV1, "p", "\0#7", 3, NULL },
	{ "{\"data\":{\"p\":\"say \\\"1\\\"\"}}", VAULT_KV1, "p", "say \"1\"", 7, NULL },
	{ "{\"data\":{\"p\":12345678901234567890123}}", VAULT_KV1, "p", "12345678901234567890123",
	  23, NULL },
	{ "{\"data\":{\"p\":1.10}}", VAULT_KV1, "p", "1.10", 4, NULL },
	{ "{\"data\":{\"p\":-0.5e+10}}", VAULT_KV1, "p", "-0.5e+10", 8, NULL },
	{ "{\"data\":{\"p\":0}}", VAULT_KV1, "p", "0", 1, NULL },
	{ "{\"data\":{\"p\":true}}", VAULT_KV1, "p", "true", 4, NULL },
	{ "{\"data\":{\"p\":false}}", VAULT_KV1, "p", "false", 5, NULL },
	{ "{\"data\":{\"p\": { \"b\" : [ 1.0, \"x\", null ], \"a\": {} } }}", VAULT_KV1, "p",
	  "{\"b\":[1.0,\"x\",null],\"a\":{}}", 27, NULL },
	{ "{\"data\":{\"p\":[]}}", VAULT_KV1, "p", "[]", 2, NULL },
	{ "{\"data\":{\"p\":null}}", VAULT_KV1, "p", NULL, ENOENT, "\"p\" is null" },
	{ "{\"data\":{\"password\":1}}", VAULT_KV1, "pasword", NULL, ENOENT,
	  "did you mean \"password\"" },
	{ "{\"data\":{\"q\":1}}", VAULT_KV1, "", NULL, EINVAL, "no field" },
	{ "{\"data\":null}", VAULT_KV1, "p", NULL, ENOENT, "no such secret" },
	{ "{}", VAULT_KV2, "p", NULL, ENOENT, "no such secret" },
	{ "{\"data\":{\"p\":\"v\"}}", VAULT_KV2, "p", NULL, ENOENT, "no such secret" },
	{ "{\"data\":{\"data\":null,\"metadata\":{\"version\":3,\"destroyed\":true}}}", VAULT_KV2,
	  "p", NULL, ENOENT, "version 3 of it was destroyed" },
	{ "{\"data\":{\"data\":null,\"metadata\":{\"version\":2,\"destroyed\":false,"
	  "\"deletion_time\":\"2026-01-02T03:04:05Z\"}}}",
	  VAULT_KV2, "p", NULL, ENOENT, "version 2 of it was deleted at 2026-01-02T03:04:05Z" },
};

START_TEST(test_values)
{
	autosecret got = { 0 };
	struct vault_reply *r = parse(values[_i].text);
	int found = vault_reply_field(r, values[_i].engine, values[_i].field, &got, &e);
	if (values[_i].want) {
		ck_assert_msg(found == 0, "%s", e.msg);
		ck_assert_uint_eq(got.n, values[_i].n);
		ck_assert_mem_eq(secret_expose(&got), values[_i].want, got.n + 1);
	} else {
		ck_assert_int_eq(found, -1);
		ck_assert_int_eq(e.code, (int)values[_i].n);
		ck_assert_msg(strstr(e.msg, values[_i].why) != NULL, "%s", e.msg);
	}
	vault_reply_free(r);
}
END_TEST

static const char *const refused[] = {
	"",
	"x",
	"[]",
	"\"data\"",
	"{",
	"{\"a\":1",
	"{\"a\":01}",
	"{\"a\":1.}",
	"{\"a\":-}",
	"{\"a\":1e}",
	"{\"a\":.5}",
	"{\"a\":1 2}",
	"{\"a\":12abc}",
	"{\"a\":1,\"a\":2}",
	"{\"a\":\"x}",
	"{} {}",
	"{\"a\":\"\\ud800\"}",
	"<html>",
	"{\"auth\":{\"client_token\":\"a b\"}}",
	"{\"auth\":{\"client_token\":\"a\\nb\"}}",
	"{\"lease_id\":\"a\\r\\nb\"}",
};

START_TEST(test_refused)
{
	const char *text = refused[_i];
	ck_assert_ptr_null(vault_reply_parse(text, strlen(text), &e));
	ck_assert_int_eq(e.code, EPROTO);
}
END_TEST

START_TEST(test_envelope)
{
	struct vault_reply *r = parse(
		"{\"request_id\":\"r-1\",\"lease_id\":\"db/1\",\"renewable\":true,\"lease_duration\":120,"
		"\"data\":{\"metadata\":{\"version\":7}},\"warnings\":[\"careful\",\"twice\"],"
		"\"auth\":null,\"mount_type\":\"kv\"}");
	ck_assert_str_eq(vault_reply_request(r), "r-1");
	ck_assert_str_eq(vault_reply_lease(r), "db/1");
	ck_assert_str_eq(vault_reply_token(r), "");
	ck_assert_uint_eq(vault_reply_life(r), 120);
	ck_assert(vault_reply_renewable(r));
	ck_assert_uint_eq(vault_reply_version(r), 7);
	ck_assert_str_eq(vault_reply_warning(r, 1), "twice");
	ck_assert_ptr_null(vault_reply_warning(r, 2));
	vault_reply_free(r);

	r = parse(
		"{\"lease_duration\":1,\"auth\":{\"client_token\":\"hvs.x\",\"lease_duration\":60,"
		"\"renewable\":false}}");
	ck_assert_str_eq(vault_reply_token(r), "hvs.x");
	ck_assert_uint_eq(vault_reply_life(r), 60);
	ck_assert(!vault_reply_renewable(r));
	vault_reply_free(r);
}
END_TEST

static const struct {
	int status;
	const char *body, *want;
	int code;
} errors[] = {
	{ 403, "{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}",
	  "api error: status code 403: 1 error occurred: * permission denied", EACCES },
	{ 400, "{\"errors\":[\"a\",\"b\"]}", "api error: status code 400: a, b", EACCES },
	{ 404, "{\"errors\":[]}", "api error: status code 404: ", ENOENT },
	{ 404, "{\"errors\":[],\"warnings\":[\"Invalid path\"]}",
	  "api error: status code 404: Invalid path", ENOENT },
	{ 429, "{\"errors\":[\"slow\"]}", "api error: status code 429: slow", EIO },
	{ 503, "{\"errors\":[\"Vault is sealed\"]}", "api error: status code 503: Vault is sealed",
	  EREMOTEIO },
	{ 502, "<html>\n<b>bad</b>\r\n", "api error: status code 502: <html> <b>bad</b>",
	  EREMOTEIO },
	{ 307, "", "api error: status code 307: ", EIO },
};

START_TEST(test_errors)
{
	int r = vault_reply_error(errors[_i].status, errors[_i].body, strlen(errors[_i].body), &e);
	ck_assert_int_eq(r, -1);
	ck_assert_str_eq(e.msg, errors[_i].want);
	ck_assert_int_eq(e.code, errors[_i].code);
}
END_TEST

static int count(void *arg, const char *p, size_t n)
{
	ck_assert_uint_eq(strlen(p), n);
	++*(int *)arg;
	return 0;
}

START_TEST(test_leaves)
{
	int n = 0;
	struct vault_reply *r = parse(
		"{\"data\":{\"p\":{\"a\":\"x\",\"b\":[\"y\",{\"c\":\"z\"},1,\"\"]},"
		"\"s\":\"plain\"}}");
	ck_assert_int_eq(vault_reply_leaves(r, VAULT_KV1, "p", count, &n), 0);
	ck_assert_int_eq(n, 3);
	ck_assert_int_eq(vault_reply_leaves(r, VAULT_KV1, "s", count, &n), 0);
	ck_assert_int_eq(vault_reply_leaves(r, VAULT_KV1, "none", count, &n), 0);
	ck_assert_int_eq(n, 3);
	vault_reply_free(r);
}
END_TEST

static const struct {
	const char *path, *want;
} paths[] = {
	{ "a", "/a" },
	{ "production/db", "/production/db" },
	{ "/lead/trail/", "/lead/trail" },
	{ "a b", "/a%20b" },
	{ "p\xc3\xa4th", "/p%C3%A4th" },
	{ "100%", "/100%25" },
	{ "a:b@c+d", "/a%3Ab%40c%2Bd" },
	{ "...", "/..." },
	{ "..a/.b", "/..a/.b" },
	{ "", NULL },
	{ "/", NULL },
	{ "a//b", NULL },
	{ "..", NULL },
	{ "a/../b", NULL },
	{ "a/./b", NULL },
	{ "a?list=true", NULL },
	{ "a#b", NULL },
	{ "a\nb", NULL },
};

START_TEST(test_paths)
{
	autobuf url = BUF(256);
	int r = vault_path_add(&url, paths[_i].path, &e);
	ck_assert_int_eq(r, paths[_i].want ? 0 : -1);
	if (paths[_i].want)
		ck_assert_str_eq(buf_cstr(&url), paths[_i].want);
	else
		ck_assert_int_eq(e.code, EINVAL);
}
END_TEST

static const struct {
	const char *url, *allowed;
	int want;
} addresses[] = {
	{ "https://vault.example:8200", "", 0 },
	{ "https://vault.example/prefix", "", 0 },
	{ "HTTPS://Vault.Example", "", 0 },
	{ "http://127.0.0.1:8200", "", 0 },
	{ "http://localhost", "", 0 },
	{ "http://[::1]:8200", "", 0 },
	{ "http://127.evil.example", "", -1 },
	{ "http://localhost.evil.example", "", -1 },
	{ "http://vault.example", "", -1 },
	{ "http://vault.example", "http://vault.example:80", 0 },
	{ "https://vault.example", "vault.example", 0 },
	{ "https://vault.example:443/x", "a.example, https://VAULT.example", 0 },
	{ "https://other.example", "vault.example", -1 },
	{ "https://vault.example:8200", "vault.example", -1 },
	{ "https://vault.example.evil.example", "https://vault.example", -1 },
	{ "https://vault.example@evil.example", "", -1 },
	{ "https://evil.example#vault.example", "", -1 },
	{ "https://evil.example?vault.example", "", -1 },
	{ "https://evil.example\\vault.example", "", -1 },
	{ "https://a b", "", -1 },
	{ "https://", "", -1 },
	{ "https://:8200", "", -1 },
	{ "ftp://vault.example", "", -1 },
	{ "file:///etc/passwd", "", -1 },
	{ "unix:///run/vault.sock", "", -1 },
	{ "vault.example", "", -1 },
	{ "", "", -1 },
};

START_TEST(test_addresses)
{
	ck_assert_int_eq(vault_allowed(addresses[_i].url, addresses[_i].allowed, &e),
			 addresses[_i].want);
	if (addresses[_i].want < 0)
		ck_assert_int_eq(e.code, EINVAL);
}
END_TEST

static const struct {
	const char *from, *to, *allowed;
	int want;
} redirects[] = {
	{ "https://a:8200", "https://a:8200/v1/x", "", 0 },
	{ "https://a:8200", "https://a:8210/v1/x", "", 0 },
	{ "https://a:8200", "https://b:8200/v1/x", "", -1 },
	{ "https://a:8200", "https://b:8200/v1/x", "https://b:8200", 0 },
	{ "https://a", "http://a/v1/x", "http://a", -1 },
	{ "https://a", "https://ab/v1/x", "", -1 },
	{ "https://a", "/v1/x", "", -1 },
};

START_TEST(test_redirects)
{
	ck_assert_int_eq(vault_redirect_allowed(redirects[_i].from, redirects[_i].to,
						redirects[_i].allowed, &e),
			 redirects[_i].want);
}
END_TEST

static struct vault_net nowhere = { .allowed = "" };

START_TEST(test_record)
{
	static const char line[] = "address=https://v:8200 space=\"team one\" token=s.x lease=db/1 "
				   "lease=\"odd=\\\"2\"";
	autobuf out = BUF(4096);
	struct vault *v = vault_recall(&nowhere, line, &e);
	ck_assert_msg(v != NULL, "%s", e.msg);
	ck_assert(vault_holds(v));
	ck_assert_int_eq(vault_record(v, &out, &e), 0);
	ck_assert_str_eq(buf_cstr(&out), line);
	vault_free(v);
	static const char *const bad[] = { "",
					   "address=https://v",
					   "token=x",
					   "address=a token=b c",
					   "address=a token=b other=c",
					   "address=\"a token=b" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_ptr_null(vault_recall(&nowhere, bad[i], &e));
}
END_TEST

START_TEST(test_identity)
{
	struct vault_identity id = { "https://v", "", "jwt", "ci", "eyJ.a.b", false };
	struct vault *v = vault_new(&nowhere, &id, 0, &e);
	ck_assert_ptr_nonnull(v);
	ck_assert(vault_is(v, &id));
	ck_assert(!vault_holds(v));
	ck_assert_uint_eq(vault_due(v), UINT64_MAX);
	id.role = "other";
	ck_assert(!vault_is(v, &id));
	vault_free(v);
	static const struct vault_identity bad[] = {
		{ "http://v", "", "jwt", "", "j", false },
		{ "https://v", "", "", "", "j", false },
		{ "https://v", "", "../sys", "", "j", false },
		{ "https://v", "", "jwt", "", "", false },
		{ "https://v", "", "jwt", "", "a b", false },
		{ "https://v", "a\nb", "jwt", "", "j", false },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_ptr_null(vault_new(&nowhere, &bad[i], 0, &e));
		ck_assert_int_eq(e.code, EINVAL);
	}
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof(*(table))))

int main(void)
{
	vault_json_guard();
	Suite *s = suite_create("vault");
	TCase *t = tcase_create("vault");
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_loop_test(t, test_values, 0, ROWS(values));
	tcase_add_loop_test(t, test_refused, 0, ROWS(refused));
	tcase_add_test(t, test_envelope);
	tcase_add_loop_test(t, test_errors, 0, ROWS(errors));
	tcase_add_test(t, test_leaves);
	tcase_add_loop_test(t, test_paths, 0, ROWS(paths));
	tcase_add_loop_test(t, test_addresses, 0, ROWS(addresses));
	tcase_add_loop_test(t, test_redirects, 0, ROWS(redirects));
	tcase_add_test(t, test_record);
	tcase_add_test(t, test_identity);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
