#include "runner/courier_hub.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

enum { PATIENCE_MS = 10 * 1000, TELL_MS = 10 * 1000 };

static const char *const calls[] = { "poll", "accept", "trace", "alive", "final", "runner" };
static const char *const classes[HUB_CLASSES] = { "error", "1xx", "2xx", "3xx", "4xx", "5xx" };

void hub_send(struct courier_hub *h, enum courier_type type, const void *what)
{
	struct err e = { 0 };
	if (h->over)
		return;
	if (courier_send(h->sock, type, what, &e) == 0)
		return;
	struct pollfd p = { .fd = h->sock, .events = POLLOUT };
	if (e.code == EAGAIN && poll(&p, 1, PATIENCE_MS) == 1 &&
	    courier_send(h->sock, type, what, &e) == 0)
		return;
	log_error("the supervisor is not listening", "err", e.msg, NULL);
	h->over = true;
}

uint32_t hub_free(const struct courier_hub *h)
{
	uint64_t unseen = h->cookie > h->seen ? h->cookie - h->seen : 0;
	return h->drain || unseen >= h->slots ? 0 : h->slots - (uint32_t)unseen;
}

void hub_count(struct courier_hub *h, enum hub_call call, int status)
{
	int class = status / 100;
	h->counts[call][class >= 1 && class < HUB_CLASSES ? class : 0]++;
}

void hub_tell_counts(struct courier_hub *h)
{
	uint64_t now = clock_ms();
	if (h->told_ms && now - h->told_ms < TELL_MS)
		return;
	h->told_ms = now;
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		for (size_t k = 0; k < HUB_CLASSES; k++) {
			if (!h->counts[i][k])
				continue;
			char labels[64];
			snprintf(labels, sizeof labels, "call=%s,status=%s", calls[i], classes[k]);
			struct courier_stat s = { "courser_forge_requests_total", labels,
						  h->counts[i][k] };
			hub_send(h, COURIER_STAT, &s);
			h->counts[i][k] = 0;
		}
}
