/* One stream through the automata: what is read as what, what is held back, what comes out. */
#include "executor/redact.h"

#include "executor/redact_escape.h"
#include "executor/redact_range.h"
#include "executor/redact_scan.h"
#include "executor/redact_set.h"
#include "executor/redact_within.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ESC = 0x1b,
	SLICE = 64 << 10,     /* input is looked at in pieces of this */
	HOLD_MAX = 256 << 10, /* what has not become a hit within this does not */
	HOLD_LOOK = 12,       /* log2 of how often that is looked at, bytes */
	SHALLOW = 8,          /* a match of fewer bytes is left to the gate to find again */
	AWAKE_MIN = 16,       /* how many bytes the automata read at least */
	AWAKE_MAX = 64 << 10,
	CUT_MIN = 8, /* shortest beginning of a secret that is masked when the stream is cut */
};

/* While nothing has begun, the automata sleep and the gate looks ahead. */
struct watch {
	bool asleep;
	struct dense_back before; /* pos, when asleep */
	uint64_t slept_at, woke_at;
	uint64_t awake_to;      /* not asleep again before this offset */
	uint64_t quota;         /* bytes to stay awake: more when it keeps waking */
	uint64_t from;          /* the offset of what view shows */
	size_t next;            /* of view's finds */
	bool seen;              /* view shows something */
	struct gate_view *view; /* NULL: nothing was so long that it was needed */
};

struct redactor {
	const struct redact_set *set;
	struct buf in;        /* what has come and is not out */
	uint64_t base, pos;   /* offsets: of in's first byte; of the next byte to read */
	struct scan main;     /* reads text and passes over escapes */
	struct within within; /* reads on from within the last escape, as if it were text */
	struct ranges hits;
	struct watch watch;
	bool in_mask; /* the last that went out was a mask */
};

struct redactor *redactor_new(const struct redact_set *set, struct err *e)
{
	if (!set->built) {
		err_set(e, EINVAL, "masks are not built");
		return NULL;
	}
	struct redactor *r = calloc(1, sizeof *r);
	if (!r) {
		err_set(e, ENOMEM, "out of memory");
		return NULL;
	}
	r->set = set;
	r->in = (struct buf)BUF(HOLD_MAX + 4 * SLICE);
	r->watch.quota = AWAKE_MIN;
	if (scan_init(&r->main, set, e) < 0 || scan_init(&r->within.scan, set, e) < 0) {
		redactor_free(r);
		return NULL;
	}
	r->main.hits = r->within.hits = r->within.scan.hits = &r->hits;
	r->main.limit = UINT64_MAX;
	r->main.within = &r->within;
	scan_reset(&r->main);
	return r;
}

void redactor_free(struct redactor *r)
{
	if (!r)
		return;
	buf_wipe(&r->in);
	if (r->watch.view)
		explicit_bzero(r->watch.view, sizeof *r->watch.view);
	free(r->watch.view);
	scan_done(&r->main);
	scan_done(&r->within.scan);
	ranges_done(&r->hits);
	ranges_done(&r->within.spoiled);
	free(r);
}

/* The automata read on from pos, at least up to an offset. */
static void wake(struct redactor *r, uint64_t to)
{
	struct watch *w = &r->watch;
	w->asleep = false;
	w->quota = r->pos - w->slept_at < 8 * AWAKE_MIN ? w->quota * 2 : AWAKE_MIN;
	w->quota = w->quota < AWAKE_MAX ? w->quota : AWAKE_MAX;
	w->woke_at = r->pos;
	w->awake_to = r->pos + w->quota > to ? r->pos + w->quota : to;
	scan_start(&r->main, w->before);
}

/* Whether the gate can look at what is there up to offset end: it needs room, and that there is enough. */
static bool may_look(struct redactor *r, uint64_t end)
{
	if (r->watch.seen)
		return true;
	if (end - r->pos < GATE_LEAST)
		return false;
	if (!r->watch.view)
		r->watch.view = calloc(1, sizeof *r->watch.view);
	return r->watch.view;
}

/* Asleep: move on to what the gate finds. */
static void look_ahead(struct redactor *r, const unsigned char *p, uint64_t end)
{
	struct watch *w = &r->watch;
	if (!may_look(r, end)) {
		wake(r, end);
		return;
	}
	const struct gate_view *v = w->view;
	if (!w->seen || r->pos - w->from >= v->limit) {
		w->from = r->pos;
		w->next = 0;
		w->seen = true;
		w->view->dense.before = w->before;
		gate_look(&r->set->gate, w->view, p, (size_t)(end - r->pos));
		if (!v->limit) {
			w->seen = false;
			wake(r, r->pos + (v->dense.raw ? v->dense.raw : 1));
			return;
		}
	}
	size_t at = (size_t)(r->pos - w->from);
	while (w->next < v->n && v->finds[w->next].from < at && v->finds[w->next].to <= at)
		w->next++;
	const struct gate_find *find = &v->finds[w->next];
	if (w->next == v->n || find->from >= v->limit) {
		w->before = v->before;
		r->pos = w->from + v->limit;
		return;
	}
	if (find->from > at) {
		w->before = find->before;
		r->pos = w->from + find->from;
	}
	wake(r, w->from + find->to);
}

static uint32_t lane_depth(const struct redactor *r, enum redact_lane which)
{
	return automaton_depth(&r->set->lanes[which], r->main.lanes[which].state);
}

/* Go to sleep when what has begun is so little, and so new, that the gate would find it again. */
static void doze(struct redactor *r)
{
	const struct scan *s = &r->main;
	struct watch *w = &r->watch;
	w->awake_to = r->pos + AWAKE_MIN; /* if not now, then later */
	if (r->within.reads || s->pattern.active || r->pos < r->main.again_to ||
	    !r->set->gate.window || lane_depth(r, LANE_TEXT) >= SHALLOW ||
	    lane_depth(r, LANE_DENSE) >= SHALLOW ||
	    automaton_depth(&r->set->words.lower, s->pattern.state) >= SHALLOW)
		return;
	uint64_t from = scan_hold(r->set, s, r->pos);
	from = from < r->pos ? from : r->pos;
	if (from <= w->woke_at)
		return;
	if (!scan_before(s, from, &w->before))
		return;
	w->asleep = true;
	w->slept_at = r->pos = from;
	scan_reset(&r->main);
}

/* How many of the n bytes at pos are read before somebody has to look. */
static size_t run_length(const struct redactor *r, size_t n)
{
	uint64_t to = (r->pos | ((1U << HOLD_LOOK) - 1)) + 1;
	if (r->watch.awake_to > r->pos && r->watch.awake_to < to)
		to = r->watch.awake_to;
	return to - r->pos < n ? (size_t)(to - r->pos) : n;
}

/* Some bytes. False: an escape that is not all there waits for the rest of it. */
static bool read_some(struct redactor *r, const unsigned char *p, size_t n)
{
	uint64_t from = r->pos;
	size_t most = run_length(r, n), got = scan_run(r->set, &r->main, p, most, r->pos);
	r->pos += got;
	if (from >> HOLD_LOOK != r->pos >> HOLD_LOOK)
		scan_limit(r->set, &r->main, r->pos, HOLD_MAX);
	if (got < most)
		return false;
	if (r->pos >= r->watch.awake_to)
		doze(r);
	return true;
}

/* Read all that has come; an escape that is not all there waits unless last. */
static void read_on(struct redactor *r, bool last)
{
	const unsigned char *p = (const unsigned char *)r->in.p;
	uint64_t end = r->base + r->in.len;
	if (!p)
		return;
	r->within.end = p + r->in.len;
	r->within.last = last;
	if (r->within.reads) {
		r->within.p = p + (r->within.from - r->base);
		r->within.n = (size_t)(end - r->within.from);
		within_more(&r->within, r->set);
	}
	while (r->pos < end) {
		size_t i = (size_t)(r->pos - r->base);
		if (r->watch.asleep)
			look_ahead(r, p + i, end);
		else if (!read_some(r, p + i, r->in.len - i))
			break;
	}
}

/* Colours in the n bytes at p, which are masked, come out all the same. */
static int emit_colours(struct redactor *r, const unsigned char *p, size_t n, struct buf *out,
			struct err *e)
{
	const unsigned char *end = p + n, *at;
	struct escape esc;
	for (at = memchr(p, ESC, n); at; at = memchr(at, ESC, (size_t)(end - at))) {
		uint64_t from = r->base + (uint64_t)(at - p);
		const struct range *bad = ranges_first(&r->within.spoiled);
		while (bad && bad->to <= from) {
			ranges_drop_first(&r->within.spoiled);
			bad = ranges_first(&r->within.spoiled);
		}
		if (!escape_parse(at, (size_t)(end - at), true, &esc))
			return 0;
		if (esc.sgr && !(bad && bad->from <= from) && buf_add(out, at, esc.n, e) < 0)
			return -1;
		at += esc.n;
	}
	return 0;
}

/* Masked bytes: one mask for all that follow each other, and the colours among them. */
static int emit_masked(struct redactor *r, const unsigned char *p, size_t n, struct buf *out,
		       struct err *e)
{
	if (!r->in_mask && buf_add(out, r->set->mask, r->set->mask_n, e) < 0)
		return -1;
	r->in_mask = true;
	return emit_colours(r, p, n, out, e);
}

/* The next bytes before safe: a mask, or what stands before one. */
static int emit_next(struct redactor *r, uint64_t safe, size_t *at, struct buf *out, struct err *e)
{
	const unsigned char *p = (const unsigned char *)r->in.p + *at;
	const struct range *hit = ranges_first(&r->hits);
	bool masked = hit && hit->from <= r->base;
	uint64_t to = !hit ? safe : masked ? hit->to : hit->from;
	to = to < safe ? to : safe;
	size_t n = (size_t)(to - r->base);
	int result = masked ? emit_masked(r, p, n, out, e) : buf_add(out, p, n, e);
	if (result < 0)
		return -1;
	r->in_mask = masked;
	if (masked && hit->to == to)
		ranges_drop_first(&r->hits);
	*at += n;
	r->base = to;
	return 0;
}

/* All before the oldest offset that may still become part of a hit goes out. */
static int emit(struct redactor *r, struct buf *out, struct err *e)
{
	scan_flush(&r->main);
	uint64_t safe = scan_hold(r->set, &r->main, r->pos);
	if (r->pos < safe)
		safe = r->pos;
	if (r->within.reads && r->within.from < safe)
		safe = r->within.from;
	if (r->hits.failed || r->within.spoiled.failed)
		return err_set(e, ENOMEM, "out of memory");
	size_t at = 0;
	int result = 0;
	while (r->base < safe && result == 0)
		result = emit_next(r, safe, &at, out, e);
	buf_drop(&r->in, at);
	return result;
}

int redactor_feed(struct redactor *r, const void *in, size_t n, struct buf *out, struct err *e)
{
	const char *p = in;
	while (n) {
		size_t now = n < SLICE ? n : SLICE;
		if (buf_add(&r->in, p, now, e) < 0)
			return -1;
		read_on(r, false);
		if (emit(r, out, e) < 0)
			return -1;
		p += now;
		n -= now;
	}
	return 0;
}

int redactor_flush(struct redactor *r, bool cut, struct buf *out, struct err *e)
{
	read_on(r, true);
	within_end(&r->within, r->set, cut);
	scan_end(r->set, &r->main, cut);
	if (cut)
		scan_cut(r->set, &r->main, r->pos, CUT_MIN);
	scan_reset(&r->main);
	int result = emit(r, out, e);
	r->in_mask = r->watch.asleep = false;
	return result;
}

int redactor_switch(struct redactor *r, const struct redact_set *next, struct buf *out,
		    struct err *e)
{
	if (!next->built)
		return err_set(e, EINVAL, "masks are not built");
	struct dense_back before;
	unsigned width = scan_before(&r->main, r->base, &before) ? before.run : DENSE_WRAP;
	if (scan_init(&r->main, next, e) < 0 || scan_init(&r->within.scan, next, e) < 0)
		return -1;
	if (r->watch.asleep)
		scan_start(&r->main, r->watch.before);
	else if (r->base < r->pos)
		scan_width_set(&r->main, width);
	r->main.space = r->main.space && r->base == r->pos;
	r->within.reads = false;
	r->set = next;
	r->watch.asleep = r->watch.seen = false;
	scan_again(&r->main, r->base, r->pos);
	r->pos = r->base;
	read_on(r, false);
	return emit(r, out, e);
}

bool redactor_is_new(const struct redactor *r)
{
	const struct scan *s = &r->main;
	struct dense_back before = r->watch.asleep ? r->watch.before
						   : pattern_before(&s->pattern, 0);
	if (r->in.len || r->in_mask || r->within.reads || before.run)
		return false;
	return r->watch.asleep || (!s->pattern.active && r->pos >= s->again_to);
}
