/* Artifacts on the wire: what is asked, where a token goes and where not, what an answer means. */
#include "protocol/gitlab_artifacts.h"

#include <check.h>
#include <errno.h>
#include <string.h>

static const struct gitlab_artifact artifact = {
	.url = "https://gitlab.example.com/root",
	.token = "glcbt-t0ken",
	.job = 42,
	.type = "junit",
	.format = "gzip",
	.expire_in = "3 days & more",
	.filename = "dir/a\"b\\c\n.gz",
	.etag = "",
};

static struct forge_request request;
static struct gitlab_multipart body;
static struct err e;

static void teardown(void)
{
	forge_request_done(&request);
	gitlab_multipart_done(&body);
	err_clear(&e);
}

static const char *header(const char *name)
{
	size_t n = strlen(name);
	for (unsigned i = 0; i < request.nheaders; i++)
		if (strncmp(request.header[i], name, n) == 0 && request.header[i][n] == ':')
			return request.header[i] + n + 2;
	return NULL;
}

START_TEST(an_upload)
{
	ck_assert_int_eq(gitlab_artifact_upload(&artifact, &request, &body, &e), 0);
	ck_assert_str_eq(request.method, "POST");
	ck_assert_str_eq(
		buf_cstr(&request.url),
		"https://gitlab.example.com/root/api/v4/jobs/42/artifacts?artifact_format=gzip"
		"&artifact_type=junit&expire_in=3%20days%20%26%20more");
	ck_assert_str_eq(header("JOB-TOKEN"), "glcbt-t0ken");
	const char *type = header("Content-Type"), *mark = strstr(type, "boundary=");
	ck_assert_ptr_nonnull(mark);
	ck_assert_mem_eq(buf_cstr(&body.head), "--", 2);
	ck_assert_mem_eq(buf_cstr(&body.head) + 2, mark + 9, strlen(mark + 9));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&body.head), "filename=\"a\\\"b\\\\c_.gz\"\r\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&body.tail), mark + 9));
}
END_TEST

START_TEST(nothing_empty_is_sent)
{
	struct gitlab_artifact a = artifact;
	a.type = a.format = a.expire_in = "";
	ck_assert_int_eq(gitlab_artifact_upload(&a, &request, &body, &e), 0);
	ck_assert_ptr_null(strchr(buf_cstr(&request.url), '?'));
	gitlab_multipart_done(&body);
	forge_request_done(&request);
	a.token = "to\nken";
	ck_assert_int_eq(gitlab_artifact_upload(&a, &request, &body, &e), -1);
	ck_assert_ptr_null(strstr(e.msg, "ken"));
}
END_TEST

START_TEST(a_download)
{
	struct gitlab_artifact a = artifact;
	ck_assert_int_eq(gitlab_artifact_download(&a, true, &request, &e), 0);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&request.url), "?direct_download=true"));
	ck_assert_ptr_null(header("Range"));
	forge_request_done(&request);
	a.from = 100;
	a.etag = "\"x\"";
	ck_assert_int_eq(gitlab_artifact_download(&a, false, &request, &e), 0);
	ck_assert_ptr_null(strchr(buf_cstr(&request.url), '?'));
	ck_assert_str_eq(header("Range"), "bytes=100-");
	ck_assert_str_eq(header("If-Range"), "\"x\"");
	ck_assert_str_eq(header("JOB-TOKEN"), "glcbt-t0ken");
}
END_TEST

struct follow_row {
	const char *location;
	bool token;
};

static const struct follow_row follows[] = {
	{ "https://gitlab.example.com/x?y=z", true },
	{ "https://GITLAB.example.com/x", true },
	{ "https://gitlab.example.com:8443/x", false },
	{ "http://gitlab.example.com/x", false },
	{ "https://gitlab.example.com.evil.example/x", false },
	{ "https://gitlab.example.co/x", false },
	{ "https://s3.example.com/gitlab.example.com", false },
};

START_TEST(the_token_stays_at_home)
{
	ck_assert_int_eq(gitlab_artifact_follow(&artifact, follows[_i].location, &request, &e), 0);
	ck_assert_str_eq(buf_cstr(&request.url), follows[_i].location);
	ck_assert_msg((header("JOB-TOKEN") != NULL) == follows[_i].token, "%s",
		      follows[_i].location);
	for (unsigned i = 0; i < request.nheaders && !follows[_i].token; i++)
		ck_assert_ptr_null(strstr(request.header[i], "t0ken"));
}
END_TEST

static struct http_reply reply_with(const char *headers, int status)
{
	static struct buf b = BUF(64 << 10);
	buf_clear(&b);
	ck_assert_int_eq(buf_str(&b, headers, &e), 0);
	return (struct http_reply){ .status = status, .error = "", .body = "", .headers = &b };
}

struct redirect_row {
	const char *base, *headers, *to; /* to NULL: refused */
};

static const struct redirect_row redirects[] = {
	{ "https://a.example/x", "Location: https://b.example/y?z\r\n", "https://b.example/y?z" },
	{ "https://a.example:1/x", "Location: /y\r\n", "https://a.example:1/y" },
	{ "http://a.example/x", "Location: https://b.example/\r\n", "https://b.example/" },
	{ "https://a.example/x", "Location: http://b.example/\r\n", NULL },
	{ "https://a.example/x", "Location: ftp://b.example/\r\n", NULL },
	{ "https://a.example/x", "Location: file:///etc/passwd\r\n", NULL },
	{ "https://a.example/x", "Location: //b.example/\r\n", NULL },
	{ "https://a.example/x", "Location: https://user:pass@b.example/\r\n", NULL },
	{ "https://a.example/x", "Location: https:///y\r\n", NULL },
	{ "https://a.example/x", "Location: https://b.example/a b\r\n", NULL },
	{ "https://a.example/x", "Location: \r\n", NULL },
	{ "https://a.example/x", "X: y\r\n", NULL },
};

START_TEST(redirects_are_looked_at)
{
	const struct redirect_row *r = &redirects[_i];
	struct http_reply reply = reply_with(r->headers, 302);
	autobuf to = BUF(64 << 10);
	int ret = gitlab_redirect(r->base, &reply, &to, &e);
	ck_assert_msg((ret == 0) == (r->to != NULL), "%s%s", r->headers, e.msg);
	if (r->to)
		ck_assert_str_eq(buf_cstr(&to), r->to);
	else
		ck_assert_int_eq(e.code, EPERM);
}
END_TEST

START_TEST(a_moved_coordinator)
{
	autobuf base = BUF(1024);
	ck_assert_int_eq(
		gitlab_moved_base("https://b.example/sub/api/v4/jobs/1/artifacts", &base, &e), 0);
	ck_assert_str_eq(buf_cstr(&base), "https://b.example/sub");
	buf_clear(&base);
	ck_assert_int_eq(gitlab_moved_base("https://b.example/other", &base, &e), 0);
	ck_assert_str_eq(buf_cstr(&base), "https://b.example");
}
END_TEST

START_TEST(ranges)
{
	uint64_t from = 7;
	struct http_reply r = reply_with("Content-Range: bytes 100-199/200\r\n", 206);
	ck_assert(gitlab_range_begin(&r, &from));
	ck_assert_uint_eq(from, 100);
	r = reply_with("Content-Range: bytes */200\r\n", 206);
	ck_assert(!gitlab_range_begin(&r, &from));
	r = reply_with("Content-Range: items 1-2/3\r\n", 206);
	ck_assert(!gitlab_range_begin(&r, &from));
	r = reply_with("X: y\r\n", 206);
	ck_assert(!gitlab_range_begin(&r, &from));
}
END_TEST

struct status_row {
	int status;
	enum gitlab_transfer up, down;
};

static const struct status_row statuses[] = {
	{ 200, GITLAB_TRANSFER_AGAIN, GITLAB_TRANSFER_DONE },
	{ 201, GITLAB_TRANSFER_DONE, GITLAB_TRANSFER_AGAIN },
	{ 206, GITLAB_TRANSFER_AGAIN, GITLAB_TRANSFER_DONE },
	{ 302, GITLAB_TRANSFER_AGAIN, GITLAB_TRANSFER_REDIRECT },
	{ 307, GITLAB_TRANSFER_REDIRECT, GITLAB_TRANSFER_REDIRECT },
	{ 401, GITLAB_TRANSFER_DENIED, GITLAB_TRANSFER_DENIED },
	{ 403, GITLAB_TRANSFER_DENIED, GITLAB_TRANSFER_DENIED },
	{ 404, GITLAB_TRANSFER_AGAIN, GITLAB_TRANSFER_MISSING },
	{ 413, GITLAB_TRANSFER_TOO_LARGE, GITLAB_TRANSFER_AGAIN },
	{ 503, GITLAB_TRANSFER_UNAVAILABLE, GITLAB_TRANSFER_AGAIN },
	{ 0, GITLAB_TRANSFER_AGAIN, GITLAB_TRANSFER_AGAIN },
};

START_TEST(meanings)
{
	struct http_reply r = reply_with("", statuses[_i].status);
	ck_assert_int_eq(gitlab_upload_read(&r), statuses[_i].up);
	ck_assert_int_eq(gitlab_download_read(&r), statuses[_i].down);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("gitlab_artifacts");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, an_upload);
	tcase_add_test(t, nothing_empty_is_sent);
	tcase_add_test(t, a_download);
	tcase_add_loop_test(t, the_token_stays_at_home, 0, sizeof follows / sizeof *follows);
	tcase_add_loop_test(t, redirects_are_looked_at, 0, sizeof redirects / sizeof *redirects);
	tcase_add_test(t, a_moved_coordinator);
	tcase_add_test(t, ranges);
	tcase_add_loop_test(t, meanings, 0, sizeof statuses / sizeof *statuses);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
