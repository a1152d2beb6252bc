#include "runner/config_error.h"

#include <stdarg.h>
#include <stdio.h>

void config_error(struct config_errors *all, unsigned line, unsigned col, const char *fmt, ...)
{
	va_list ap;
	if (all->n++ >= CONFIG_ERRORS_MAX)
		return;
	struct config_error *error = &all->list[all->n - 1];
	error->line = line;
	error->col = col;
	va_start(ap, fmt);
	vsnprintf(error->text, sizeof error->text, fmt, ap);
	va_end(ap);
	for (char *c = error->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?'; /* one line, whatever it quotes */
}

int config_errors_text(const struct config_errors *all, const char *path, struct buf *out,
		       struct err *e)
{
	size_t kept = all->n < CONFIG_ERRORS_MAX ? all->n : CONFIG_ERRORS_MAX;
	for (size_t i = 0; i < kept; i++) {
		const struct config_error *x = &all->list[i];
		int r = x->line ? buf_printf(out, e, "%s:%u:%u: %s\n", path, x->line, x->col,
					     x->text)
				: buf_printf(out, e, "%s\n", x->text);
		if (r < 0)
			return -1;
	}
	if (kept == all->n)
		return 0;
	return buf_printf(out, e, "%s: and %zu more\n", path, all->n - kept);
}
