#include "protocol/http_call.h"

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
	TIMEOUT_MS = 60000,
	SMALL_BODY = 16 << 10, /* from a file: read at once, sent in one piece with the headers */
	UPLOAD_BUFFER = 256 << 10,
	CONNECTION_IDLE_S = 90,
};

/* The directory of hashed names is read a certificate at a time, when one is needed: the bundle
 * file would cost every process a megabyte. */
static const char SYSTEM_CERTS[] = "/etc/ssl/certs";

/* False when the call must end: it was given a reason. */
static bool head_add(struct http_call *c, const char *p, size_t n)
{
	struct err e = { 0 };
	if (buf_add(&c->head, p, n, &e) == 0)
		return true;
	c->why = "the headers of the answer are too long";
	return false;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;
	c->moved_ms = clock_ms();
	return head_add(c, p, size * n) ? size * n : 0;
}

/* A success goes to whoever wants it as it comes; what a server says of a failure is short. */
static bool for_sink(struct http_call *c)
{
	long status = 0;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	c->r->sink_status = (int)status;
	return c->r->sink && status >= 200 && status < 300;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;
	struct err e = { 0 };
	size_t bytes = size * n, room = c->body.max - c->body.len;
	c->moved_ms = clock_ms();
	if (for_sink(c)) {
		if (c->r->sink(c->r, p, bytes))
			return bytes;
		c->why = "what came was not taken";
		return 0;
	}
	c->cut = bytes > room;
	if (buf_add(&c->body, p, c->cut ? room : bytes, &e) < 0) {
		c->cut = false;
		c->why = "out of memory";
		return 0;
	}
	return c->cut ? 0 : bytes;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;
	size_t left = c->r->body_len - c->sent, want = size * n < left ? size * n : left;
	c->moved_ms = clock_ms();
	if (want == 0)
		return 0;
	ssize_t got = pread(c->r->body_fd, p, want, (off_t)(c->r->body_off + c->sent));
	if (got <= 0) {
		c->why = "the file to send is shorter than it was";
		return CURL_READFUNC_ABORT;
	}
	c->sent += (size_t)got;
	return (size_t)got;
}

static size_t on_more(char *p, size_t size, size_t n, void *arg)
{
	struct http_call *c = arg;
	ssize_t got = c->r->more(c->r, c->sent, p, size * n);
	c->moved_ms = clock_ms();
	c->paused = got == HTTP_LATER;
	if (c->paused)
		return CURL_READFUNC_PAUSE;
	if (got < 0) {
		c->why = "what is to be sent broke off";
		return CURL_READFUNC_ABORT;
	}
	c->sent += (size_t)got;
	return (size_t)got;
}

static int on_seek(void *arg, curl_off_t to, int whence)
{
	struct http_call *c = arg;
	if (whence != SEEK_SET || to < 0 || (size_t)to > c->r->body_len)
		return CURL_SEEKFUNC_FAIL;
	c->sent = (size_t)to;
	return CURL_SEEKFUNC_OK;
}

static bool header_is_sane(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static int set_headers(struct http_call *c, struct err *e)
{
	const struct http_request *r = c->r;
	c->headers = curl_slist_append(NULL, "Expect:");
	for (size_t i = 0; i < r->nheaders && c->headers; i++) {
		if (!header_is_sane(r->headers[i]))
			return err_set(e, EINVAL, "a request header holds a control byte");
		struct curl_slist *more = curl_slist_append(c->headers, r->headers[i]);
		if (!more)
			return err_set(e, ENOMEM, "out of memory");
		c->headers = more;
	}
	curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->headers);
	return c->headers ? 0 : err_set(e, ENOMEM, "out of memory");
}

static void set_upload(struct http_call *c)
{
	const struct http_request *r = c->r;
	curl_off_t size = r->body_len == HTTP_UNKNOWN ? -1 : (curl_off_t)r->body_len;
	curl_easy_setopt(c->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
	curl_easy_setopt(c->easy, CURLOPT_INFILESIZE_LARGE, size);
	curl_easy_setopt(c->easy, CURLOPT_READFUNCTION, r->more ? on_more : on_read);
	curl_easy_setopt(c->easy, CURLOPT_READDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_SEEKFUNCTION, on_seek);
	curl_easy_setopt(c->easy, CURLOPT_SEEKDATA, c);
}

static int set_file_body(struct http_call *c, struct err *e)
{
	const struct http_request *r = c->r;
	char small[SMALL_BODY];
	if (r->body_len <= sizeof small) {
		ssize_t n = pread(r->body_fd, small, r->body_len, (off_t)r->body_off);
		if (n < 0 || (size_t)n < r->body_len)
			return err_set(e, EIO, "the file to send is shorter than it was");
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)n);
		curl_easy_setopt(c->easy, CURLOPT_COPYPOSTFIELDS, small);
		return 0;
	}
	set_upload(c);
	return 0;
}

static int set_body(struct http_call *c, struct err *e)
{
	const struct http_request *r = c->r;
	if (r->more) {
		set_upload(c);
	} else if (!r->body && r->body_len) {
		if (set_file_body(c, e) < 0)
			return -1;
	} else if (r->body_len || strcmp(r->method, "GET") != 0) {
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, r->body ? r->body : "");
	}
	curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, r->method);
	return 0;
}

static void set_tls(struct http_call *c)
{
	struct http *h = c->pool->h;
	curl_easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (access(SYSTEM_CERTS, X_OK) == 0) {
		curl_easy_setopt(c->easy, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(c->easy, CURLOPT_CAPATH, SYSTEM_CERTS);
	}
	if (*h->text[TEXT_CA])
		curl_easy_setopt(c->easy, CURLOPT_CAINFO, h->text[TEXT_CA]);
	if (*h->text[TEXT_CERT])
		curl_easy_setopt(c->easy, CURLOPT_SSLCERT, h->text[TEXT_CERT]);
	if (*h->text[TEXT_KEY])
		curl_easy_setopt(c->easy, CURLOPT_SSLKEY, h->text[TEXT_KEY]);
}

static void set_limits(struct http_call *c)
{
	const struct http_request *r = c->r;
	struct http *h = c->pool->h;
	long timeout = r->timeout_ms ? (long)r->timeout_ms : TIMEOUT_MS;
	curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, timeout);
	curl_easy_setopt(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)h->connect_ms);
	curl_easy_setopt(c->easy, CURLOPT_MAXLIFETIME_CONN, (long)h->age_s);
	curl_easy_setopt(c->easy, CURLOPT_MAXAGE_CONN, (long)CONNECTION_IDLE_S);
	curl_easy_setopt(c->easy, CURLOPT_TCP_KEEPALIVE, 1L); /* a held poll is silent for long */
	curl_easy_setopt(c->easy, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(c->easy, CURLOPT_TCP_KEEPINTVL, 10L);
	curl_easy_setopt(c->easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
}

static void set_rules(struct http_call *c)
{
	struct http *h = c->pool->h;
	curl_easy_setopt(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, c->r->once ? 1L : 0L);
	curl_easy_setopt(c->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c->easy, CURLOPT_PROXY, h->text[TEXT_PROXY]); /* "": none at all */
	curl_easy_setopt(c->easy, CURLOPT_NOPROXY, h->text[TEXT_NO_PROXY]);
	curl_easy_setopt(c->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (*h->text[TEXT_AGENT])
		curl_easy_setopt(c->easy, CURLOPT_USERAGENT, h->text[TEXT_AGENT]);
	curl_easy_setopt(c->easy, CURLOPT_ERRORBUFFER, c->said);
	curl_easy_setopt(c->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c->easy, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
}

int http_call_setup(struct http_call *c, struct err *e)
{
	set_rules(c);
	set_limits(c);
	set_tls(c);
	curl_easy_setopt(c->easy, CURLOPT_URL, c->r->url);
	return set_headers(c, e) < 0 ? -1 : set_body(c, e);
}

struct http_reply http_so_far(const struct http_request *r)
{
	long status = 0;
	curl_easy_getinfo(r->call->easy, CURLINFO_RESPONSE_CODE, &status);
	return (struct http_reply){
		.status = (int)status,
		.error = "",
		.body = "",
		.headers = &r->call->head,
	};
}

static void copy_trimmed(const char *s, const char *end, char *ret, size_t size)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && strchr("\r \t", end[-1]))
		end--;
	size_t n = (size_t)(end - s) < size ? (size_t)(end - s) : size - 1;
	memcpy(ret, s, n);
	ret[n] = '\0';
}

bool http_header(const struct http_reply *r, const char *name, char *ret, size_t size)
{
	const char *s = buf_cstr(r->headers), *end = s + r->headers->len;
	size_t n = strlen(name);
	bool found = false;
	*ret = '\0';
	for (const char *stop; s < end; s = stop + 1) {
		stop = memchr(s, '\n', (size_t)(end - s));
		stop = stop ? stop : end;
		if ((size_t)(stop - s) <= n || s[n] != ':' || strncasecmp(s, name, n) != 0)
			continue;
		copy_trimmed(s + n + 1, stop, ret, size);
		found = true;
	}
	return found;
}
