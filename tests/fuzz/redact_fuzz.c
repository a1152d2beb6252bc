/*
 * The redactor on any bytes. Input: up to four secrets, each a length byte and its bytes, a zero; then
 * a byte that says how the rest, the stream, is cut. Properties: what comes out does not depend on the
 * cut, and no secret of six bytes or more is left in it. Building is what takes time: secrets are short,
 * and a set is used again while the inputs have the same ones.
 */
#include "executor/redact.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SECRETS = 4, SECRET_MIN = 6, SECRET_MAX = 24, STREAM_MAX = 4 << 10, OUT_MAX = 1 << 20 };

struct secrets {
	const uint8_t *p[SECRETS];
	size_t n[SECRETS], many;
};

static void redact(const struct redact_set *set, const uint8_t *p, size_t n, size_t piece,
		   struct buf *out)
{
	struct err e = { 0 };
	struct redactor *r = redactor_new(set, &e);
	for (size_t i = 0; r && i < n; i += piece)
		if (redactor_feed(r, p + i, n - i < piece ? n - i : piece, out, &e) < 0)
			abort();
	if (!r || redactor_flush(r, false, out, &e) < 0)
		abort();
	redactor_free(r);
}

/* Whether a secret's own bytes have to be gone. Not when it has an escape in it, when white space is
 * around or joined in it, or when the mask itself holds it. */
static int must_go(const uint8_t *p, size_t n)
{
	static const char mask[] = "[MASKED]";
	if (n < SECRET_MIN || memchr(p, 0x1b, n) || memchr(p, 0, n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (memchr(" \t\r\n\v\f", p[i], 6) || memchr(mask, p[i], sizeof mask - 1))
			return 0;
	return 1;
}

static const uint8_t *take_secrets(struct secrets *s, const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p && s->many < SECRETS) {
		size_t n = *p++ % (SECRET_MAX + 1U);
		n = n < (size_t)(end - p) ? n : (size_t)(end - p);
		s->p[s->many] = p;
		s->n[s->many++] = n;
		p += n;
	}
	return p < end ? p + 1 : end;
}

static void check(const struct secrets *s, const struct redact_set *set, const uint8_t *p,
		  const uint8_t *end)
{
	size_t n = (size_t)(end - p), piece = n ? *p + 1U : 1;
	autobuf whole = BUF(OUT_MAX), cut = BUF(OUT_MAX);
	p += n != 0;
	n -= n != 0;
	n = n < STREAM_MAX ? n : STREAM_MAX;
	redact(set, p, n, n + 1, &whole);
	redact(set, p, n, piece, &cut);
	if (whole.len != cut.len || (whole.len && memcmp(whole.p, cut.p, whole.len) != 0))
		abort();
	for (size_t i = 0; i < s->many; i++)
		if (whole.len && must_go(s->p[i], s->n[i]) &&
		    memmem(whole.p, whole.len, s->p[i], s->n[i]))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct redact_set *build(const struct secrets *s)
{
	struct err e = { 0 };
	struct redact_set *set = redact_set_new(NULL, &e);
	for (size_t i = 0; set && i < s->many; i++)
		if (redact_set_add(set, "S", s->p[i], s->n[i], &e) < 0)
			abort();
	if (!set || redact_set_build(set, &e) < 0)
		abort();
	return set;
}

/* The last set, and the bytes of the input that it was made from. */
static struct {
	struct redact_set *set;
	uint8_t from[SECRETS * (SECRET_MAX + 1)];
	size_t n;
} kept;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct secrets s = { .many = 0 };
	const uint8_t *end = data + n, *p = take_secrets(&s, data, end);
	size_t used = s.many ? (size_t)(s.p[s.many - 1] - data) + s.n[s.many - 1] : 0;
	if (!kept.set || kept.n != used || (used && memcmp(kept.from, data, used) != 0)) {
		redact_set_free(kept.set);
		kept.set = build(&s);
		kept.n = used;
		if (used)
			memcpy(kept.from, data, used);
	}
	check(&s, kept.set, p, end);
	return 0;
}
