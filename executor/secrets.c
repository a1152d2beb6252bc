#include "executor/secrets.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ATTEMPTS_MAX = 10,
	BACK_OFF_MS = 5000,
	BACK_OFF_MAX_MS = 5 * 60 * 1000,
	LINE_MAX_BYTES = 1024,
};

/* What became of one entry. */
struct outcome {
	struct secret value;
	bool define;
};

__attribute__((format(printf, 3, 4))) static void say(const struct secrets_job *s,
						      enum say_style style, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	s->say(s->arg, style, line);
}

static int fail(struct secrets_job *s, enum secrets_class class)
{
	s->failure = class;
	return -1;
}

static int poll_wait(int fd, int ms, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = poll(&p, 1, ms);
	if (n < 0 && errno != EINTR)
		return err_sys(e, "poll");
	return n > 0;
}

/* 1: fd can be read. 0: until_ms is over. */
static int wait_until(const struct secrets_job *s, int fd, uint64_t until_ms, struct err *e)
{
	for (;;) {
		uint64_t now = clock_ms();
		if (now >= until_ms)
			return 0;
		int ms = (int)(until_ms - now);
		int r = s->wait ? s->wait(s->arg, fd, ms, e) : poll_wait(fd, ms, e);
		if (r != 0)
			return r;
	}
}

/* --- one secret --- */

static const char *expand(const struct secrets_job *s, const struct job_secret *from,
			  const char *text, struct err *e)
{
	return from->source == JOB_SECRET_VAULT ? vars_expand(s->vars, s->arena, text, e) : text;
}

static int fill(const struct secrets_job *s, const struct job_secret *from,
		struct secrets_read *ret, struct err *e)
{
	const char *texts[] = { from->url,  from->space, from->auth_name, from->auth_path,
				from->jwt,  from->role,  from->engine,    from->mount,
				from->path, from->field };
	const char **to[] = { &ret->url,  &ret->space, &ret->auth_name, &ret->auth_path,
			      &ret->jwt,  &ret->role,  &ret->engine,    &ret->mount,
			      &ret->path, &ret->field };
	ret->name = from->name;
	ret->provider = from->provider;
	for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
		*to[i] = expand(s, from, texts[i], e);
		if (!*to[i])
			return -1;
	}
	return 0;
}

static int take_value(struct secrets_job *s, struct msg *m, struct outcome *out, struct err *e)
{
	msg_get_str(m);
	return secrets_get_bytes(m, &out->value, e) < 0 ? fail(s, SECRETS_SYSTEM) : 1;
}

/* A secret that is missing may be allowed to be. */
static int take_failure(struct secrets_job *s, struct msg *m, struct outcome *out, struct err *e)
{
	(void)out;
	const char *name = msg_get_str(m);
	uint32_t class = msg_get_u32(m);
	const char *text = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return fail(s, SECRETS_SYSTEM);
	if (class != SECRETS_MISSING) {
		bool known = class == SECRETS_CONFIG || class == SECRETS_EXTERNAL;
		err_set(e, EACCES, "%s", text);
		return fail(s, known ? (enum secrets_class) class : SECRETS_SYSTEM);
	}
	if (s->fail_if_missing) {
		err_set(e, ENOENT, "secret not found: %s: %s", name, text);
		return fail(s, SECRETS_MISSING);
	}
	say(s, SAY_WARNING, "WARNING: secret not found: %s: %s; the variable is empty", name, text);
	return 1;
}

static int take_note(struct secrets_job *s, struct msg *m, struct outcome *out, struct err *e)
{
	(void)out;
	const char *text = msg_get_str(m);
	if (msg_end(m, e) < 0)
		return fail(s, SECRETS_SYSTEM);
	say(s, SAY_WARNING, "WARNING: %s", text);
	return 0;
}

static int take_mask(struct secrets_job *s, struct msg *m, struct outcome *out, struct err *e)
{
	(void)out;
	autosecret leaf = { 0 };
	if (secrets_get_bytes(m, &leaf, e) < 0 ||
	    vars_mask(s->vars, secret_expose(&leaf), leaf.n, e) < 0)
		return fail(s, SECRETS_SYSTEM);
	return 0;
}

/* What the keeper may say while a secret is waited for. 1: that was the answer; 0: more is to come. */
static const struct {
	uint32_t type;
	int (*take)(struct secrets_job *s, struct msg *m, struct outcome *out, struct err *e);
} takers[] = {
	{ SECRETS_VALUE, take_value },
	{ SECRETS_FAILED, take_failure },
	{ SECRETS_NOTE, take_note },
	{ SECRETS_MASK, take_mask },
};

static int take_message(struct secrets_job *s, struct msg *m, struct outcome *out, struct err *e)
{
	for (size_t i = 0; i < sizeof takers / sizeof *takers; i++)
		if (takers[i].type == m->type)
			return takers[i].take(s, m, out, e);
	err_set(e, EPROTO, "the keeper said what was not asked");
	return fail(s, SECRETS_SYSTEM);
}

static int receive(const struct secrets_job *s, struct msg *m, uint64_t until_ms, struct err *e)
{
	int r = wait_until(s, s->keeper, until_ms, e);
	if (r == 0)
		return err_set(e, ETIMEDOUT, "the keeper does not answer");
	if (r < 0)
		return -1;
	r = msg_recv(s->keeper, m, e);
	return r == 0 ? err_set(e, EPIPE, "the keeper has ended") : r;
}

static int answer(struct secrets_job *s, struct outcome *out, struct err *e)
{
	uint64_t until = clock_ms() + SECRETS_ANSWER_MS;
	for (;;) {
		automsg m = { .type = 0 };
		if (receive(s, &m, until, e) < 0)
			return fail(s, SECRETS_SYSTEM);
		int r = take_message(s, &m, out, e);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
}

static int check(struct secrets_job *s, const struct secrets_read *r, struct err *e)
{
	if (s->keeper < 0) {
		err_set(e, ENOENT, "there is no keeper");
		return fail(s, SECRETS_SYSTEM);
	}
	if (*r->url)
		return 0;
	err_set(e, EINVAL, "secret %s: no server address: VAULT_SERVER_URL is empty", r->name);
	return fail(s, SECRETS_CONFIG);
}

static int resolve_one(struct secrets_job *s, const struct job_secret *from, struct outcome *out,
		       struct err *e)
{
	struct secrets_read r;
	automsg m;
	say(s, SAY_PLAIN, "Resolving secret \"%s\"...", from->name);
	if (from->source == JOB_SECRET_OTHER) {
		say(s, SAY_WARNING,
		    "WARNING: Not resolved: no resolver that can handle the secret");
		return 0;
	}
	say(s, SAY_PLAIN, "Using \"%s\" secret resolver...", from->provider);
	msg_init(&m, SECRETS_READ);
	if (fill(s, from, &r, e) < 0)
		return fail(s, SECRETS_SYSTEM);
	if (check(s, &r, e) < 0)
		return -1;
	secrets_put_read(&m, &r);
	if (msg_send(s->keeper, &m, e) < 0)
		return fail(s, SECRETS_SYSTEM);
	secret_done(&out->value);
	out->define = true;
	return answer(s, out, e);
}

/* --- all of them --- */

static unsigned attempts(const struct secrets_job *s)
{
	static const char key[] = "SECRETS_RETRIEVAL_ATTEMPTS";
	const char *text = vars_get(s->vars, key);
	uint64_t n = 1;
	if (*text == '\0')
		return 1;
	if (str_u64(text, ATTEMPTS_MAX, &n) && n > 0)
		return (unsigned)n;
	bool number = strspn(text, "0123456789") == strlen(text) && n > 0;
	n = number && strspn(text, "0") < strlen(text) ? ATTEMPTS_MAX : 1;
	say(s, SAY_WARNING, "WARNING: %s: expected a number from 1 to %d, got \"%.40s\", using %u",
	    key, ATTEMPTS_MAX, text, (unsigned)n);
	return (unsigned)n;
}

static int try_all(struct secrets_job *s, struct outcome *out, struct err *e)
{
	for (size_t i = 0; i < s->n; i++)
		if (resolve_one(s, &s->secrets[i], &out[i], e) < 0)
			return -1;
	return 0;
}

/* Cancelled, or the keeper is of no more use. */
static bool is_final(const struct err *e)
{
	return e->code == ECANCELED || e->code == EPIPE || e->code == ETIMEDOUT;
}

static int try_repeatedly(struct secrets_job *s, struct outcome *out, struct err *e)
{
	uint64_t delay = BACK_OFF_MS;
	for (unsigned left = attempts(s);;) {
		s->failure = SECRETS_NONE;
		if (try_all(s, out, e) == 0)
			return 0;
		if (--left == 0 || is_final(e))
			return -1;
		say(s, SAY_WARNING, "WARNING: %s", e->msg);
		say(s, SAY_WARNING, "WARNING: Retrying...");
		struct err stopped = { 0 };
		uint64_t until = clock_ms() + (s->back_off ? delay : 0);
		if (wait_until(s, -1, until, &stopped) < 0) {
			*e = stopped;
			return fail(s, SECRETS_SYSTEM);
		}
		delay = delay * 2 < BACK_OFF_MAX_MS ? delay * 2 : BACK_OFF_MAX_MS;
		err_clear(e);
	}
}

static int define(struct secrets_job *s, const struct outcome *out, struct err *e)
{
	for (size_t i = 0; i < s->n; i++) {
		unsigned flags = VAR_MASKED | VAR_RAW | (s->secrets[i].file ? VAR_FILE : 0);
		if (out[i].define &&
		    vars_set_secret(s->vars, s->secrets[i].name, &out[i].value, flags, e) < 0)
			return fail(s, SECRETS_CONFIG);
	}
	return vars_resolve(s->vars, e) < 0 ? fail(s, SECRETS_SYSTEM) : 0;
}

int secrets_resolve(struct secrets_job *s, struct err *e)
{
	s->failure = SECRETS_NONE;
	if (s->n == 0)
		return 0;
	struct outcome *out = calloc(s->n, sizeof *out);
	if (!out) {
		err_set(e, ENOMEM, "resolving secrets: out of memory");
		return fail(s, SECRETS_SYSTEM);
	}
	int r = try_repeatedly(s, out, e);
	if (r == 0)
		r = define(s, out, e);
	for (size_t i = 0; i < s->n; i++)
		secret_done(&out[i].value);
	free(out);
	return r < 0 ? err_wrap(e, "resolving secrets") : 0;
}

int secrets_leave(struct secrets_job *s, struct err *e)
{
	automsg m, answer_message = { .type = 0 };
	msg_init(&m, SECRETS_LEAVE);
	if (msg_send(s->keeper, &m, e) < 0)
		return err_wrap(e, "revoke secrets");
	struct secrets_job quiet = *s;
	quiet.wait = NULL; /* a cancelled job revokes all the same */
	if (receive(&quiet, &answer_message, clock_ms() + SECRETS_LEAVE_MS, e) < 0)
		return err_wrap(e, "revoke secrets");
	msg_get_u32(&answer_message);
	uint32_t failed = msg_get_u32(&answer_message);
	const char *text = msg_get_str(&answer_message);
	if (answer_message.type != SECRETS_DONE || msg_end(&answer_message, e) < 0)
		return err_set(e, EPROTO, "revoke secrets: the keeper said what was not asked");
	if (failed == 0)
		return 0;
	return err_set(e, EIO, "%u of what the secrets' server granted could not be revoked: %s",
		       failed, text);
}
