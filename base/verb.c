#include "base/verb.h"

#include <errno.h>

int verb_serve(int sock, const struct verb *verbs, size_t n, void *arg, struct err *e)
{
	for (;;) {
		automsg m;
		size_t i = 0;
		int r = msg_recv(sock, &m, e);
		if (r <= 0)
			return r;
		while (i < n && verbs[i].type != m.type)
			i++;
		if (i == n)
			return err_set(e, EPROTO, "message %u", m.type);
		if (verbs[i].serve(arg, &m, e) < 0)
			return -1;
	}
}
