#include "protocol/gitea_ship.h"

#include "protocol/forge_retry.h"

#include <stdio.h>

enum {
	NEWS_MS = 250, /* states about steps are not more frequent */
	RETRY_MS = 1000,
	RETRY_CAP_MS = 30 * 1000,
	FINAL_RETRY_CAP_MS = 3600 * 1000,
	LIVE_MS = 1000,
};

/* How long after the last answer the next rows may go, for the first ones: a job's first lines are what
 * people wait for. */
static const unsigned first_gaps_ms[] = { 0, 20, 100, 250, 500 };

void gitea_ship_init(struct gitea_ship *s, unsigned tries_max, uint64_t now_ms)
{
	s->tries_max = tries_max ? tries_max : GITEA_FINAL_TRIES;
	s->state_ms = now_ms;
}

static unsigned gap_ms(const struct gitea_ship *s)
{
	size_t n = sizeof first_gaps_ms / sizeof *first_gaps_ms;
	return s->batches < n ? first_gaps_ms[s->batches] : LIVE_MS;
}

static struct gitea_next at(enum gitea_todo todo, uint64_t due_ms, uint64_t now_ms)
{
	if (due_ms > now_ms)
		return (struct gitea_next){ GITEA_WAIT, due_ms };
	return (struct gitea_next){ todo, 0 };
}

/* While it runs: whichever is due first, the state before rows. */
static struct gitea_next running(const struct gitea_ship *s, uint64_t now_ms)
{
	uint64_t beat = s->state_ms + (s->news ? NEWS_MS : GITEA_BEAT_MS);
	uint64_t left = s->closed || s->size <= s->off || s->stuck == s->size ? 0
									      : s->size - s->off;
	uint64_t rows = left >= GITEA_BATCH ? now_ms : s->rows_ms + gap_ms(s);
	if (left == 0 || beat <= now_ms || beat <= rows)
		return at(GITEA_STATE, beat, now_ms);
	return at(GITEA_ROWS, rows, now_ms);
}

struct gitea_next gitea_ship_next(const struct gitea_ship *s, uint64_t now_ms)
{
	if (s->over)
		return (struct gitea_next){ GITEA_OVER, 0 };
	if (s->not_before_ms > now_ms)
		return (struct gitea_next){ GITEA_WAIT, s->not_before_ms };
	if (!s->ended)
		return running(s, now_ms);
	return (struct gitea_next){ s->closed ? GITEA_FINAL : GITEA_ROWS, 0 };
}

void gitea_ship_stuck(struct gitea_ship *s)
{
	s->stuck = s->size;
}

void gitea_ship_seek(struct gitea_ship *s, uint64_t row, uint64_t off)
{
	s->row = s->want = row;
	s->off = off;
}

static void over(struct gitea_ship *s, bool delivered, const char *text)
{
	s->over = true;
	s->delivered = delivered;
	snprintf(s->text, sizeof s->text, "%s", text);
}

static void succeeded(struct gitea_ship *s)
{
	s->failures = 0;
	s->not_before_ms = 0;
}

/* Another time: sooner while the job runs, ever more rarely and not for ever at its end. */
static void failed(struct gitea_ship *s, uint64_t now_ms, const struct http_reply *r)
{
	unsigned n = s->failures < 16 ? s->failures : 16;
	s->failures++;
	s->not_before_ms = now_ms + forge_backoff_ms(n, RETRY_MS,
						     s->ended ? FINAL_RETRY_CAP_MS : RETRY_CAP_MS);
	if (!s->ended || ++s->tries < s->tries_max)
		return;
	char text[FORGE_TEXT_MAX];
	gitea_reply_text(r, text);
	over(s, false, text);
}

/* --- rows --------------------------------------------------------------------------------------- */

static void acknowledged(struct gitea_ship *s, uint64_t now_ms, const struct gitea_sent *sent,
			 uint64_t ack, const struct http_reply *r)
{
	uint64_t all = s->row + sent->rows;
	if (ack < s->row) { /* the server lost rows that it had: it cannot be mended */
		s->closed = true;
		return;
	}
	if (ack == s->row && (sent->rows || sent->blank) && !s->unsure) {
		failed(s, now_ms, r);
		return;
	}
	s->want = ack;
	s->unsure = false;
	if (ack >= all) {
		s->row = all;
		s->off += sent->bytes;
	}
	/* a row more than we have is the blank one of an earlier try */
	s->closed = sent->no_more && ack >= all + sent->blank;
	s->batches++;
	s->rows_ms = now_ms;
	succeeded(s);
}

void gitea_ship_heard_rows(struct gitea_ship *s, uint64_t now_ms, const struct gitea_sent *sent,
			   const struct http_reply *r)
{
	uint64_t ack;
	struct err e = { 0 };
	enum gitea_code code = gitea_code(r);
	if (code == GITEA_ARCHIVED || code == GITEA_NOT_FOUND || code == GITEA_INVALID)
		s->closed = true; /* the final state tells the rest */
	else if (code == GITEA_UNAUTHENTICATED && s->ended)
		over(s, true, "the server no longer knows the runner");
	else if (code == GITEA_OK && gitea_ack_read(r, &ack, &e) == 0)
		acknowledged(s, now_ms, sent, ack, r);
	else
		failed(s, now_ms, r);
}

/* --- states ------------------------------------------------------------------------------------- */

/* The task, or the runner, is no longer there. */
static bool gone(struct gitea_ship *s, bool final, const char *text)
{
	bool first = !s->told && !s->ended;
	s->told = s->closed = true;
	if (final)
		over(s, true, text);
	return first;
}

static bool answered(struct gitea_ship *s, uint64_t now_ms, bool final, enum gitea_result there)
{
	succeeded(s);
	s->state_ms = now_ms;
	if (final) {
		over(s, true, "delivered");
		return false;
	}
	if (there == GITEA_UNSPECIFIED || s->told || s->ended)
		return false;
	s->told = true;
	return true;
}

bool gitea_ship_heard_state(struct gitea_ship *s, uint64_t now_ms, bool final,
			    const struct http_reply *r)
{
	enum gitea_result there;
	struct err e = { 0 };
	enum gitea_code code = gitea_code(r);
	if (code == GITEA_OK && gitea_state_read(r, &there, &e) == 0)
		return answered(s, now_ms, final, there);
	s->state_ms = now_ms;
	if (code == GITEA_NOT_FOUND)
		return gone(s, final, "the server does not know the task");
	if (code == GITEA_UNAUTHENTICATED)
		return gone(s, final, "the server no longer knows the runner");
	failed(s, now_ms, r);
	return false;
}
