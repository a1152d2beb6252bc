#include "protocol/http.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A server of one process: answers each request on a connection with the next canned answer, and
 * writes what it read into `seen`. */
struct peer {
	int listen, seen;
	uint16_t port;
	pid_t pid;
};

static struct loop *loop;
static struct http *http;
static struct peer peer;

static size_t body_length(const char *head)
{
	const char *p = strcasestr(head, "content-length:");
	return p ? strtoul(p + 15, NULL, 10) : 0;
}

/* One request off the connection; false at its end. */
static bool take_request(int fd, int seen)
{
	static char b[1 << 20];
	size_t n = 0;
	for (;;) {
		ssize_t got = read(fd, b + n, sizeof b - 1 - n);
		if (got <= 0)
			return false;
		n += (size_t)got;
		b[n] = '\0';
		const char *end = strstr(b, "\r\n\r\n");
		if (end && n >= (size_t)(end + 4 - b) + body_length(b))
			break;
	}
	return write(seen, b, n) == (ssize_t)n && write(seen, "|", 1) == 1;
}

static bool give_answer(int fd, const char *answer, unsigned endless)
{
	char junk[1000];
	memset(junk, 'x', sizeof junk);
	if (write(fd, answer, strlen(answer)) < 0)
		return false;
	for (unsigned i = 0; i < endless; i++)
		if (write(fd, junk, sizeof junk) < 0)
			return false;
	return true;
}

static _Noreturn void serve(int listener, int seen, const char *answer, unsigned endless)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || write(seen, "+", 1) != 1)
			_exit(1);
		while (take_request(fd, seen) && give_answer(fd, answer, endless))
			;
		close(fd);
	}
}

static void peer_start(const char *answer, unsigned endless)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	peer.listen = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(peer.listen, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(peer.listen, 8), 0);
	ck_assert_int_eq(getsockname(peer.listen, (struct sockaddr *)&a, &n), 0);
	peer.port = ntohs(a.sin_port);
	FILE *f = tmpfile();
	ck_assert_ptr_nonnull(f);
	peer.seen = fileno(f);
	peer.pid = fork();
	ck_assert_int_ge(peer.pid, 0);
	if (peer.pid == 0)
		serve(peer.listen, peer.seen, answer, endless);
}

static void setup(void)
{
	struct err e = { 0 };
	ck_assert_int_eq(http_init(&e), 0);
	loop = loop_new(&e);
	struct http_settings s = { .user_agent = "test/1" };
	http = http_new(loop, &s, &e);
	ck_assert_ptr_nonnull(http);
	peer = (struct peer){ .listen = -1, .seen = -1 };
}

static void teardown(void)
{
	http_free(http);
	loop_free(loop);
	if (peer.pid > 0) {
		kill(peer.pid, SIGKILL);
		waitpid(peer.pid, NULL, 0);
	}
	fd_close(&peer.listen);
}

static const char *seen(void)
{
	static char b[1 << 16];
	ssize_t n = pread(peer.seen, b, sizeof b - 1, 0);
	ck_assert_int_ge(n, 0);
	b[n] = '\0';
	return b;
}

/* What the last request ended with. */
static struct {
	unsigned calls;
	int status;
	bool cut, header;
	char error[300], body[300], value[64];
} got;

static void on_done(struct http_request *r, const struct http_reply *p)
{
	(void)r;
	got.calls++;
	got.status = p->status;
	got.cut = p->cut;
	snprintf(got.error, sizeof got.error, "%s", p->error);
	snprintf(got.body, sizeof got.body, "%s", p->body);
	got.header = http_header(p, "x-thing", got.value, sizeof got.value);
}

static char url[100];

static struct http_request request(const char *method)
{
	memset(&got, 0, sizeof got);
	snprintf(url, sizeof url, "http://127.0.0.1:%u/p?q=secret", peer.port);
	return (struct http_request){
		.method = method, .url = url, .max_body = 100, .timeout_ms = 5000, .done = on_done
	};
}

static void run(struct http_request *r)
{
	struct err e = { 0 };
	ck_assert_int_eq(http_run(http, r, &e), 0);
	ck_assert_uint_eq(got.calls, 1);
}

START_TEST(an_answer_and_its_headers_are_read)
{
	peer_start("HTTP/1.1 201 Created\r\nX-Thing:  a b \r\nContent-Length: 2\r\n\r\nok", 0);
	struct http_request r = request("POST");
	const char *headers[] = { "Content-Type: application/json" };
	r.headers = headers;
	r.nheaders = 1;
	r.body = "{}";
	r.body_len = 2;
	run(&r);
	ck_assert_int_eq(got.status, 201);
	ck_assert_str_eq(got.body, "ok");
	ck_assert(got.header);
	ck_assert_str_eq(got.value, "a b");
	ck_assert_ptr_nonnull(strstr(seen(), "POST /p?q=secret HTTP/1.1\r\n"));
	ck_assert_ptr_nonnull(strstr(seen(), "User-Agent: test/1\r\n"));
	ck_assert_ptr_null(strstr(seen(), "Expect"));
	ck_assert_ptr_nonnull(strstr(seen(), "\r\n\r\n{}|"));
}
END_TEST

START_TEST(a_connection_is_used_again)
{
	peer_start("HTTP/1.1 204 No Content\r\n\r\n", 0);
	for (int i = 0; i < 3; i++) {
		struct http_request r = request("PUT");
		run(&r);
		ck_assert_int_eq(got.status, 204);
	}
	ck_assert_ptr_eq(strchr(seen(), '+'), strrchr(seen(), '+'));
}
END_TEST

START_TEST(a_body_is_read_from_a_file_region)
{
	peer_start("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 0);
	enum { SIZE = 40000 };
	char *text = malloc(SIZE);
	for (int i = 0; i < SIZE; i++)
		text[i] = (char)('a' + i % 23);
	struct err e = { 0 };
	autofd fd = fd_sealed("t", text, SIZE, &e);
	size_t lens[] = { 1, 100, 30000 };
	for (size_t i = 0; i < 3; i++) {
		struct http_request r = request("PATCH");
		r.body_fd = fd;
		r.body_off = 7;
		r.body_len = lens[i];
		run(&r);
		ck_assert_int_eq(got.status, 202);
		const char *s = seen(), *end = s + strlen(s);
		ck_assert(end[-1] == '|');
		ck_assert_mem_eq(end - 1 - lens[i], text + 7, lens[i]);
	}
	free(text);
}
END_TEST

START_TEST(a_file_that_shrank_is_an_error)
{
	struct err e = { 0 };
	peer_start("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 0);
	autofd fd = fd_sealed("t", "12345", 5, &e);
	struct http_request r = request("PATCH");
	r.body_fd = fd;
	r.body_len = 9;
	ck_assert_int_eq(http_send(http, &r, &e), -1);
	ck_assert_ptr_null(r.call);
	r.body_len = 1 << 20;
	run(&r);
	ck_assert_int_eq(got.status, 0);
	ck_assert_ptr_nonnull(strstr(got.error, "shorter than it was"));
}
END_TEST

/* A body that comes a letter at a time, with waits. */
static struct {
	struct timer timer;
	struct http_request *r;
	unsigned waits;
	bool ready;
} slow;

static void on_slow(struct timer *t)
{
	(void)t;
	slow.ready = true;
	http_resume(slow.r);
}

static ssize_t slow_more(struct http_request *r, uint64_t at, char *p, size_t n)
{
	ck_assert_uint_gt(n, 0);
	if (!slow.ready) {
		slow.waits++;
		slow.r = r;
		slow.timer.fire = on_slow;
		loop_timer(loop, &slow.timer, 250);
		return HTTP_LATER;
	}
	slow.ready = false;
	*p = (char)('a' + at);
	return at < 3 ? 1 : 0;
}

START_TEST(a_body_that_is_made_meanwhile)
{
	peer_start("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 0);
	memset(&slow, 0, sizeof slow);
	struct http_request r = request("POST");
	r.more = slow_more;
	r.body_len = 3;
	r.stall_ms = 200; /* waiting for ourselves is no stall */
	run(&r);
	ck_assert_msg(got.status == 201, "%s", got.error);
	ck_assert_uint_ge(slow.waits, 3);
	ck_assert_ptr_nonnull(strstr(seen(), "Content-Length: 3\r\n"));
	ck_assert_ptr_nonnull(strstr(seen(), "\r\n\r\nabc|"));
}
END_TEST

static ssize_t broken_more(struct http_request *r, uint64_t at, char *p, size_t n)
{
	(void)r, (void)at, (void)p, (void)n;
	return HTTP_BROKEN;
}

START_TEST(a_body_that_breaks_off)
{
	peer_start("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 0);
	struct http_request r = request("POST");
	r.more = broken_more;
	r.body_len = HTTP_UNKNOWN;
	run(&r);
	ck_assert_int_eq(got.status, 0);
	ck_assert_ptr_nonnull(strstr(got.error, "broke off"));
}
END_TEST

static bool look_at_headers(struct http_request *r, const char *p, size_t n)
{
	(void)p, (void)n;
	struct http_reply so_far = http_so_far(r);
	ck_assert_int_eq(so_far.status, 206);
	return http_header(&so_far, "Content-Range", got.value, sizeof got.value);
}

START_TEST(a_sink_knows_the_headers)
{
	peer_start("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-5/6\r\n"
		   "Content-Length: 5\r\n\r\nhello",
		   0);
	struct http_request r = request("GET");
	r.sink = look_at_headers;
	run(&r);
	ck_assert_int_eq(got.status, 206);
	ck_assert_str_eq(got.body, "");
}
END_TEST

START_TEST(a_long_body_is_cut)
{
	peer_start("HTTP/1.1 200 OK\r\n\r\n", 5000);
	struct http_request r = request("GET");
	run(&r);
	ck_assert_int_eq(got.status, 200);
	ck_assert(got.cut);
	ck_assert_uint_eq(strlen(got.body), 100);
}
END_TEST

static size_t sunk, sink_room;

static bool sink(struct http_request *r, const char *p, size_t n)
{
	ck_assert_int_eq(r->sink_status, 200);
	ck_assert_int_eq(p[0], 'x');
	sunk += n;
	return sunk <= sink_room;
}

START_TEST(a_success_goes_to_the_sink_and_nowhere_else)
{
	peer_start("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", 300);
	struct http_request r = request("GET");
	r.sink = sink;
	sunk = 0;
	sink_room = 300000;
	run(&r);
	ck_assert_int_eq(got.status, 200);
	ck_assert(!got.cut);
	ck_assert_str_eq(got.body, "");
	ck_assert_uint_eq(sunk, 300000);
}
END_TEST

START_TEST(a_sink_that_takes_no_more_ends_it)
{
	peer_start("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", 300);
	struct http_request r = request("GET");
	r.sink = sink;
	sunk = sink_room = 0;
	run(&r);
	ck_assert_int_eq(got.status, 0);
	ck_assert_ptr_nonnull(strstr(got.error, "not taken"));
}
END_TEST

START_TEST(a_failure_is_not_for_the_sink)
{
	peer_start("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 0);
	struct http_request r = request("GET");
	r.sink = sink;
	sunk = 0;
	run(&r);
	ck_assert_int_eq(got.status, 404);
	ck_assert_str_eq(got.body, "no");
	ck_assert_uint_eq(sunk, 0);
}
END_TEST

START_TEST(endless_headers_end_the_request)
{
	peer_start("HTTP/1.1 200 OK\r\nX-A: ", 500);
	struct http_request r = request("GET");
	run(&r);
	ck_assert_int_eq(got.status, 0);
	ck_assert_str_ne(got.error, "");
	ck_assert_ptr_null(strstr(got.error, "secret"));
}
END_TEST

START_TEST(garbage_is_no_answer)
{
	peer_start("220 smtp.example ESMTP\r\n", 1);
	struct http_request r = request("GET");
	run(&r);
	ck_assert_int_eq(got.status, 0);
	ck_assert_ptr_nonnull(strstr(got.error, "127.0.0.1:"));
}
END_TEST

START_TEST(a_redirect_is_not_followed)
{
	peer_start("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: "
		   "0\r\n\r\n",
		   0);
	struct http_request r = request("GET");
	run(&r);
	ck_assert_int_eq(got.status, 302);
}
END_TEST

START_TEST(silence_ends_with_words)
{
	peer_start("", 0);
	struct http_request r = request("GET");
	r.stall_ms = 60;
	run(&r);
	ck_assert_int_eq(got.status, 0);
	ck_assert_ptr_nonnull(strstr(got.error, "nothing moved"));
	r = request("GET");
	r.timeout_ms = 60;
	run(&r);
	ck_assert_int_eq(got.status, 0);
	ck_assert_ptr_nonnull(strstr(got.error, "timed out"));
}
END_TEST

START_TEST(a_cancelled_request_is_not_heard_of)
{
	struct err e = { 0 };
	peer_start("", 0);
	struct http_request r = request("GET"), again = request("GET");
	ck_assert_int_eq(http_send(http, &r, &e), 0);
	again.stall_ms = 50;
	run(&again);
	http_cancel(&r);
	http_cancel(&r);
	ck_assert_ptr_null(r.call);
	ck_assert_uint_eq(got.calls, 1);
}
END_TEST

START_TEST(refusals)
{
	struct err e = { 0 };
	peer.port = 1;
	struct http_request r = request("GET");
	run(&r);
	ck_assert_int_eq(got.status, 0);
	ck_assert_ptr_nonnull(strstr(got.error, "127.0.0.1:1: "));
	r = request("GET");
	r.url = "file:///etc/passwd";
	run(&r);
	ck_assert_int_eq(got.status, 0);
	ck_assert_str_eq(got.body, "");
	r = request("GET");
	const char *headers[] = { "A: b\r\nC: d" };
	r.headers = headers;
	r.nheaders = 1;
	ck_assert_int_eq(http_send(http, &r, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.msg, "control byte"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("http");
	TCase *t = tcase_create("requests");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, an_answer_and_its_headers_are_read);
	tcase_add_test(t, a_connection_is_used_again);
	tcase_add_test(t, a_body_is_read_from_a_file_region);
	tcase_add_test(t, a_file_that_shrank_is_an_error);
	tcase_add_test(t, a_long_body_is_cut);
	tcase_add_test(t, a_body_that_is_made_meanwhile);
	tcase_add_test(t, a_body_that_breaks_off);
	tcase_add_test(t, a_sink_knows_the_headers);
	tcase_add_test(t, endless_headers_end_the_request);
	tcase_add_test(t, garbage_is_no_answer);
	tcase_add_test(t, a_redirect_is_not_followed);
	tcase_add_test(t, silence_ends_with_words);
	tcase_add_test(t, a_cancelled_request_is_not_heard_of);
	tcase_add_test(t, a_success_goes_to_the_sink_and_nowhere_else);
	tcase_add_test(t, a_sink_that_takes_no_more_ends_it);
	tcase_add_test(t, a_failure_is_not_for_the_sink);
	tcase_add_test(t, refusals);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
