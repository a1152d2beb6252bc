#include "base/secret.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int secret_set(struct secret *s, const void *p, size_t n, struct err *e)
{
	char *copy = malloc(n + 1);
	if (!copy)
		return err_set(e, ENOMEM, "out of memory");
	if (n)
		memcpy(copy, p, n);
	copy[n] = '\0';
	secret_done(s);
	s->p = copy;
	s->n = n;
	return 0;
}

const char *secret_expose(const struct secret *s)
{
	return s->p ? s->p : "";
}

void secret_done(struct secret *s)
{
	if (s->p)
		explicit_bzero(s->p, s->n);
	free(s->p);
	s->p = NULL;
	s->n = 0;
}
