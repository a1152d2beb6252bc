/* An error as a value: allocated by the caller, no heap, so it works when memory is what failed. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * code: an errno value, or 0 while nothing has failed. msg: one line, no trailing full stop.
 * Read from the outside in: "job 42: fetch main: connect gitlab.example: timed out".
 * A struct err starts zeroed: struct err e = { 0 };
 */
struct err {
	int code;
	char msg[480];
};

/* Set code and message. Always returns -1, so that a failure is one line at the call site. */
int err_set(struct err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), nonnull(1, 3), cold));

/* As err_set with code errno, and ": strerror(errno)" appended to the message. Returns -1. */
int err_sys(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull, cold));

/* Put "context: " before the message that is there: the noun that was being handled, never "failed
 * to". The code stays. A message that no longer fits loses its tail. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull, cold));

/* That a failure is -1 is said to the compiler too: what it and the checkers conclude after a call that
 * may fail stays right. */
static inline int err_failure(int r)
{
	(void)r;
	return -1;
}
#define err_set(...) err_failure(err_set(__VA_ARGS__))
#define err_sys(...) err_failure(err_sys(__VA_ARGS__))
#define err_wrap(...) err_failure(err_wrap(__VA_ARGS__))

/* Back to "nothing has failed". */
void err_clear(struct err *e) __attribute__((nonnull));

#endif
