#include "base/loop.h"

#include "base/clock.h"
#include "base/fd.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

static struct err e;
static struct loop *loop;

static void setup(void)
{
	err_clear(&e);
	loop = loop_new(&e);
	ck_assert_ptr_nonnull(loop);
}

static void teardown(void)
{
	loop_free(loop);
	loop_free(NULL);
}

/* An eventfd that counts how often it was ready and says when it is the third time. */
struct bell {
	struct source source;
	unsigned rung;
	bool done;
	struct bell *silences;
};

static void ring(struct source *s, uint32_t events)
{
	struct bell *b = (struct bell *)s;
	uint64_t n;
	ck_assert_uint_ne(events & EPOLLIN, 0);
	ck_assert_int_eq(read(s->fd, &n, sizeof n), sizeof n);
	b->done = ++b->rung == 3;
	if (b->silences)
		loop_unwatch(loop, &b->silences->source);
}

static void bell_hang(struct bell *b)
{
	*b = (struct bell){ .source = { .ready = ring } };
	b->source.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_ge(b->source.fd, 0);
	ck_assert_int_eq(loop_watch(loop, &b->source, EPOLLIN, &e), 0);
}

static void bell_pull(struct bell *b)
{
	ck_assert_int_eq(eventfd_write(b->source.fd, 1), 0);
}

START_TEST(a_source_is_called_when_it_is_ready)
{
	struct bell b;
	bell_hang(&b);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert_int_eq(loop_once(loop, &e), 0);
		ck_assert_uint_eq(b.rung, i);
		bell_pull(&b);
	}
	ck_assert_int_eq(loop_until(loop, &b.done, &e), 0);
	loop_unwatch(loop, &b.source);
	fd_close(&b.source.fd);
	loop_unwatch(loop, &b.source);
}
END_TEST

/* Two are ready in one batch; whichever is first unwatches the other, whose event must be dropped. */
START_TEST(a_source_unwatched_in_a_callback_stays_silent)
{
	struct bell a, b;
	bell_hang(&a);
	bell_hang(&b);
	a.silences = &b;
	b.silences = &a;
	ck_assert_int_eq(loop_once(loop, &e), 0);
	ck_assert_uint_eq(a.rung + b.rung, 1);
	fd_close(&a.source.fd);
	fd_close(&b.source.fd);
}
END_TEST

static void must_not_fire(struct timer *t)
{
	(void)t;
	ck_abort_msg("a cleared timer fired");
}

struct alarm {
	struct timer timer;
	unsigned fired;
	unsigned *order, place;
	unsigned again;
	bool done;
};

static void go_off(struct timer *t)
{
	struct alarm *a = (struct alarm *)t;
	a->fired++;
	a->done = true;
	ck_assert(!t->set);
	ck_assert_uint_ge(clock_ms(), t->at_ms);
	if (a->order)
		a->place = ++*a->order;
	if (a->again && a->again--)
		loop_timer(loop, t, 1);
}

START_TEST(timers_fire_once_and_in_order)
{
	unsigned order = 0;
	struct alarm late = { .timer = { .fire = go_off }, .order = &order };
	struct alarm soon = late, now = late;
	struct timer never = { .fire = must_not_fire };
	loop_timer(loop, &late.timer, 30);
	loop_timer(loop, &never, 5);
	loop_timer(loop, &soon.timer, 10);
	loop_timer(loop, &now.timer, 0);
	loop_timer_clear(loop, &never);
	loop_timer_clear(loop, &never);
	ck_assert_int_eq(loop_until(loop, &late.done, &e), 0);
	ck_assert_uint_eq(now.place, 1);
	ck_assert_uint_eq(soon.place, 2);
	ck_assert_uint_eq(late.place, 3);
	ck_assert_uint_eq(late.fired + soon.fired + now.fired, 3);
}
END_TEST

START_TEST(setting_a_timer_again_moves_it)
{
	struct alarm moved = { .timer = { .fire = go_off } };
	struct alarm other = { .timer = { .fire = go_off } };
	uint64_t start = clock_ms();
	loop_timer(loop, &moved.timer, 1);
	loop_timer(loop, &moved.timer, 60000);
	loop_timer(loop, &other.timer, 10);
	ck_assert_int_eq(loop_until(loop, &other.done, &e), 0);
	ck_assert_uint_eq(moved.fired, 0);
	loop_timer(loop, &moved.timer, 1);
	ck_assert_int_eq(loop_until(loop, &moved.done, &e), 0);
	ck_assert_uint_lt(clock_ms() - start, 30000);
}
END_TEST

START_TEST(a_timer_may_set_itself_again)
{
	struct alarm a = { .timer = { .fire = go_off }, .again = 3 };
	loop_timer(loop, &a.timer, 0);
	while (a.fired < 4)
		ck_assert_int_eq(loop_once(loop, &e), 0);
	ck_assert(!a.timer.set);
}
END_TEST

START_TEST(what_is_watched_can_change)
{
	struct bell b;
	struct alarm a = { .timer = { .fire = go_off } };
	bell_hang(&b);
	ck_assert_int_eq(loop_change(loop, &b.source, 0, &e), 0);
	loop_timer(loop, &a.timer, 5);
	ck_assert_int_eq(loop_until(loop, &a.done, &e), 0);
	ck_assert_uint_eq(b.rung, 0);
	ck_assert_int_eq(loop_change(loop, &b.source, EPOLLIN, &e), 0);
	ck_assert_int_eq(loop_once(loop, &e), 0);
	ck_assert_uint_eq(b.rung, 1);
	fd_close(&b.source.fd);
}
END_TEST

START_TEST(what_cannot_be_watched_is_an_error)
{
	struct source bad = { .fd = -1, .ready = ring };
	ck_assert_int_eq(loop_watch(loop, &bad, EPOLLIN, &e), -1);
	ck_assert_int_eq(e.code, EBADF);
	loop_unwatch(loop, &bad);
	bad.fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(loop_watch(loop, &bad, EPOLLIN, &e), -1);
	ck_assert_int_eq(e.code, EPERM);
	ck_assert_int_eq(loop_change(loop, &bad, EPOLLIN, &e), -1);
	fd_close(&bad.fd);
}
END_TEST

struct catcher {
	struct source source;
	unsigned signal;
	bool done;
};

static void caught(struct source *s, uint32_t events)
{
	struct catcher *c = (struct catcher *)s;
	struct signalfd_siginfo si;
	ck_assert_uint_ne(events & EPOLLIN, 0);
	ck_assert_int_eq(read(s->fd, &si, sizeof si), sizeof si);
	c->signal = si.ssi_signo;
	c->done = true;
}

START_TEST(signals_are_events)
{
	static const int signals[] = { SIGUSR1, SIGCHLD, 0 };
	struct catcher c = { .source = { .ready = caught } };
	sigset_t old;
	sigprocmask(SIG_BLOCK, NULL, &old);
	c.source.fd = loop_signals(signals, &e);
	ck_assert_int_ge(c.source.fd, 0);
	ck_assert_int_eq(fcntl(c.source.fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(loop_watch(loop, &c.source, EPOLLIN, &e), 0);
	raise(SIGUSR1);
	ck_assert_int_eq(loop_until(loop, &c.done, &e), 0);
	ck_assert_uint_eq(c.signal, SIGUSR1);
	fd_close(&c.source.fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loop");
	TCase *t = tcase_create("loop");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_source_is_called_when_it_is_ready);
	tcase_add_test(t, a_source_unwatched_in_a_callback_stays_silent);
	tcase_add_test(t, timers_fire_once_and_in_order);
	tcase_add_test(t, setting_a_timer_again_moves_it);
	tcase_add_test(t, a_timer_may_set_itself_again);
	tcase_add_test(t, what_is_watched_can_change);
	tcase_add_test(t, what_cannot_be_watched_is_an_error);
	tcase_add_test(t, signals_are_events);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
