#include "protocol/gitlab_reply.h"

#include "base/str.h"
#include "protocol/gitlab_trust.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { JSON_BYTES_MAX = 64 << 20 };

static void json_drop(json_t **j)
{
	json_decref(*j);
}
#define autojson __attribute__((cleanup(json_drop))) json_t

static const char *text_at(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));
	return s ? s : "";
}

static uint64_t number_at(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));
	return n > 0 ? (uint64_t)n : 0;
}

/* s into ret, cut to size, with '?' for what is not printable. */
static void copy_plain(char *ret, size_t size, const char *s)
{
	size_t n = strnlen(s, size - 1);
	for (size_t i = 0; i < n; i++)
		ret[i] = (unsigned char)s[i] < ' ' || s[i] == 0x7f ? '?' : s[i];
	ret[n] = '\0';
}

/* A token as a header can carry it; "" for anything else, so that nothing is sent in its name. */
static void copy_token(char ret[FORGE_TOKEN_MAX], const char *s)
{
	size_t n = strlen(s);
	bool good = n < FORGE_TOKEN_MAX && str_is_printable(s, n);
	memcpy(ret, s, good ? n : 0);
	ret[good ? n : 0] = '\0';
}

/* {"message": "text"} or {"message": {"field": ["text", …]}} or {"error": "text"}. */
static void message_of(const json_t *root, char *ret, size_t size)
{
	json_t *m = json_object_get(root, "message");
	const char *s = json_string_value(m);
	if (!s)
		s = json_string_value(json_object_get(root, "error"));
	if (s) {
		copy_plain(ret, size, s);
		return;
	}
	const char *key;
	json_t *value;
	json_object_foreach(m, key, value)
	{
		const char *first = json_string_value(json_array_get(value, 0));
		char text[FORGE_TEXT_MAX];
		snprintf(text, sizeof text, "%s %s", key, first ? first : "is wrong");
		copy_plain(ret, size, text);
		return;
	}
}

void gitlab_reply_text(const struct http_reply *r, char ret[FORGE_TEXT_MAX])
{
	char message[200] = "";
	if (r->status == 0) {
		copy_plain(ret, FORGE_TEXT_MAX, r->error);
		return;
	}
	autojson *root = json_loadb(r->body, r->body_len, 0, NULL);
	message_of(root, message, sizeof message);
	snprintf(ret, FORGE_TEXT_MAX, *message ? "status %d: %s" : "status %d", r->status, message);
}

/* Two digits at s, 0 for anything else. */
static long two_digits(const char *s)
{
	return strspn(s, "0123456789") >= 2 ? (s[0] - '0') * 10L + (s[1] - '0') : 0;
}

/* "+02:00" at s, in seconds; 0 for "Z". */
static long zone_seconds(const char *s)
{
	if ((*s != '+' && *s != '-') || strspn(s + 1, "0123456789") != 2 || s[3] != ':')
		return 0;
	long seconds = two_digits(s + 1) * 3600 + two_digits(s + 4) * 60;
	return *s == '-' ? -seconds : seconds;
}

uint64_t gitlab_time(const char *text)
{
	struct tm t = { 0 };
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &t);
	if (!rest)
		return 0;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	int64_t s = (int64_t)timegm(&t) - zone_seconds(rest);
	return s > 0 ? (uint64_t)s : 0;
}

int gitlab_identity_read(const struct http_reply *r, int want, struct forge_identity *ret,
			 struct err *e)
{
	if (r->status != want || r->cut) {
		char text[FORGE_TEXT_MAX];
		gitlab_reply_text(r, text);
		return err_set(e, r->status == 403 ? EACCES : EPROTO, "%s", text);
	}
	autojson *root = json_loadb(r->body, r->body_len, 0, NULL);
	*ret = (struct forge_identity){ .id = number_at(root, "id") };
	copy_token(ret->token, text_at(root, "token"));
	ret->expires = gitlab_time(text_at(root, "token_expires_at"));
	return 0;
}

/* --- a job that was offered --- */

static bool is_true(const char *s)
{
	bool value;
	return str_bool(s, &value) && value;
}

/* Whose code it is, by the variables and what the server says besides. */
static void trust_of(const json_t *root, struct forge_offer *o)
{
	struct gitlab_trust t = { .project = o->project_id };
	size_t i;
	json_t *v;
	json_array_foreach(json_object_get(root, "variables"), i, v)
	{
		gitlab_trust_see(&t, text_at(v, "key"), text_at(v, "value"));
	}
	const json_t *git = json_object_get(root, "git_info");
	o->protected_ref = json_is_true(json_object_get(git, "protected")) && !t.unprotected;
	o->from_fork = gitlab_trust_is_fork(&t);
}

static bool debug_of(const json_t *variables)
{
	size_t i;
	json_t *v;
	json_array_foreach(variables, i, v)
	{
		const char *key = text_at(v, "key");
		if ((strcmp(key, "CI_DEBUG_TRACE") == 0 || strcmp(key, "CI_DEBUG_SERVICES") == 0) &&
		    is_true(text_at(v, "value")))
			return true;
	}
	return false;
}

/* The words of an array of strings that are plain names, with commas. */
static void join_reasons(char ret[FORGE_REASONS_MAX], const json_t *array)
{
	size_t i, used = 0;
	json_t *v;
	json_array_foreach(array, i, v)
	{
		const char *s = json_string_value(v);
		size_t n = s ? strlen(s) : 0;
		if (n == 0 || strspn(s, "abcdefghijklmnopqrstuvwxyz_0123456789") != n ||
		    used + n + 2 > FORGE_REASONS_MAX)
			continue;
		if (used)
			ret[used++] = ',';
		memcpy(ret + used, s, n);
		used += n;
	}
	ret[used] = '\0';
}

static void offer_of_json(const json_t *root, struct forge_offer *o)
{
	const json_t *info = json_object_get(root, "job_info");
	o->id = number_at(root, "id");
	copy_token(o->token, text_at(root, "token"));
	o->project_id = number_at(info, "project_id");
	copy_plain(o->project_path, sizeof o->project_path, text_at(info, "project_full_path"));
	trust_of(root, o);
	uint64_t timeout = number_at(json_object_get(root, "runner_info"), "timeout");
	o->timeout_s = timeout < UINT32_MAX ? (uint32_t)timeout : UINT32_MAX;
	o->debug_trace = debug_of(json_object_get(root, "variables"));
	join_reasons(o->reasons,
		     json_object_get(json_object_get(root, "features"), "failure_reasons"));
}

/*
 * Text that is not JSON: the keys "id" and "token" of its outermost object, as far as brackets and
 * strings can be followed. p walks; depth 1 is that object.
 */
struct scan {
	const char *p, *end;
	unsigned depth;
};

/* Behind the string whose opening quote is at s->p; its raw content in [*ret, *ret + n). */
static bool scan_string(struct scan *s, const char **ret, size_t *ret_n)
{
	*ret = ++s->p;
	for (; s->p < s->end && *s->p != '"'; s->p++)
		if (*s->p == '\\')
			s->p++;
	if (s->p >= s->end)
		return false;
	*ret_n = (size_t)(s->p++ - *ret);
	return true;
}

static void scan_space(struct scan *s)
{
	while (s->p < s->end && strchr(" \t\r\n", *s->p) && *s->p)
		s->p++;
}

static void scan_id(struct scan *s, struct forge_offer *o)
{
	char digits[STR_NUM] = "";
	size_t n = 0;
	while (s->p < s->end && *s->p >= '0' && *s->p <= '9' && n < sizeof digits - 1)
		digits[n++] = *s->p++;
	if (!str_u64(digits, INT64_MAX, &o->id))
		o->id = 0;
}

static void scan_token(struct scan *s, struct forge_offer *o)
{
	char text[FORGE_TOKEN_MAX] = "";
	const char *value;
	size_t n;
	if (s->p >= s->end || *s->p != '"' || !scan_string(s, &value, &n) || n >= sizeof text)
		return;
	memcpy(text, value, n);
	if (!strchr(text, '\\'))
		copy_token(o->token, text);
}

static void scan_value(struct scan *s, const char *key, size_t n, struct forge_offer *o)
{
	if (n == 2 && memcmp(key, "id", 2) == 0 && !o->id)
		scan_id(s, o);
	else if (n == 5 && memcmp(key, "token", 5) == 0 && !*o->token)
		scan_token(s, o);
}

/* A string at s->p; where it is a key of the outermost object, its value. False: it has no end. */
static bool scan_key(struct scan *s, struct forge_offer *o)
{
	const char *key;
	size_t n;
	if (!scan_string(s, &key, &n))
		return false;
	scan_space(s);
	if (s->depth != 1 || s->p >= s->end || *s->p != ':')
		return true;
	s->p++;
	scan_space(s);
	scan_value(s, key, n, o);
	return true;
}

static void offer_of_text(const char *body, size_t n, struct forge_offer *o)
{
	struct scan s = { body, body + n, 0 };
	while (s.p < s.end && !(o->id && *o->token)) {
		if (*s.p == '"') {
			if (!scan_key(&s, o))
				return;
			continue;
		}
		if (*s.p == '{' || *s.p == '[')
			s.depth++;
		else if ((*s.p == '}' || *s.p == ']') && s.depth)
			s.depth--;
		s.p++;
	}
}

int gitlab_offer_read(const char *body, size_t n, struct forge_offer *ret, struct err *e)
{
	struct forge_offer o = { 0 };
	if (n > JSON_BYTES_MAX)
		return err_set(e, E2BIG, "the job is longer than %d bytes", JSON_BYTES_MAX);
	json_error_t why = { 0 };
	autojson *root = json_loadb(body, n, JSON_DISABLE_EOF_CHECK, &why);
	if (json_is_object(root))
		offer_of_json(root, &o);
	else
		offer_of_text(body, n, &o);
	if (!o.id || !*o.token)
		return err_set(e, EPROTO, "the job has no %s%s%s", !o.id ? "id" : "token",
			       root ? "" : " that can be read: not JSON: ", root ? "" : why.text);
	*ret = o;
	return 0;
}

/* --- standing --- */

enum gitlab_standing gitlab_standing(const struct http_reply *r)
{
	char status[32];
	http_header(r, "Job-Status", status, sizeof status);
	if (strcmp(status, "canceled") == 0 || strcmp(status, "failed") == 0 || r->status == 403)
		return GITLAB_ENDED;
	return strcmp(status, "canceling") == 0 ? GITLAB_CANCELING : GITLAB_STANDS;
}

enum gitlab_accept gitlab_accept_read(const struct http_reply *r)
{
	enum gitlab_standing s = gitlab_standing(r);
	if (s == GITLAB_ENDED || r->status == 404)
		return GITLAB_ACCEPT_DROP;
	return s == GITLAB_CANCELING ? GITLAB_ACCEPT_CANCELED : GITLAB_ACCEPT_GO;
}
