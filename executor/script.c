#include "executor/script.h"

#include "base/clock.h"

#include <ctype.h>
#include <string.h>

static const char frame_head[] = "if (set -o pipefail) 2>/dev/null; then set -o pipefail; fi\n"
				 "set -o errexit\n"
				 "set +o noclobber\n";

/* What an earlier step wrote to GITLAB_ENV: exported as it stands, nothing is evaluated; what no shell
 * variable can be is passed over, or it would end the step before its first command. */
static const char env_loader[] = "if [ -r \"$GITLAB_ENV\" ]; then\n"
				 "while IFS= read -r courser_line || [ -n \"$courser_line\" ]; do\n"
				 "case ${courser_line%%=*} in\n"
				 "\"$courser_line\" | '' | [0-9]* | *[!A-Za-z0-9_]*) ;;\n"
				 "*) export \"$courser_line\" 2>/dev/null || : ;;\n"
				 "esac\n"
				 "done < \"$GITLAB_ENV\"\n"
				 "unset courser_line\n"
				 "fi\n";

int script_quote(struct buf *out, const char *s, size_t n, struct err *e)
{
	if (buf_char(out, '\'', e) < 0)
		return -1;
	for (const char *end = s + n, *q; s < end; s = q + 1) {
		q = memchr(s, '\'', (size_t)(end - s));
		if (!q)
			return buf_add(out, s, (size_t)(end - s), e) < 0 ? -1
									 : buf_char(out, '\'', e);
		if (buf_add(out, s, (size_t)(q - s), e) < 0 || buf_str(out, "'\\''", e) < 0)
			return -1;
	}
	return buf_char(out, '\'', e);
}

/* printf '%s\n' 'text' */
static int show(struct buf *out, const char *text, size_t n, struct err *e)
{
	if (buf_str(out, "printf '%s\\n' ", e) < 0 || script_quote(out, text, n, e) < 0)
		return -1;
	return buf_char(out, '\n', e);
}

/* A collapsed section that shows the whole of a multi-line command. */
static int show_section(struct buf *out, size_t index, const char *text, size_t n, struct err *e)
{
	autobuf s = BUF(out->max);
	unsigned long long now = clock_wall_us() / 1000000;
	if (buf_printf(
		    &s, e,
		    "section_start:%llu:section_script_step_%zu[hide_duration=true,collapsed=true]"
		    "\r\033[0K\033[32;1m$ ",
		    now, index) < 0 ||
	    buf_add(&s, text, n, e) < 0 ||
	    buf_printf(&s, e, "\033[0;m\nsection_end:%llu:section_script_step_%zu\r\033[0K", now,
		       index) < 0)
		return -1;
	return show(out, s.p, s.len, e);
}

static int show_command(struct buf *out, const char *line, size_t n, struct err *e)
{
	const char *nl = memchr(line, '\n', n);
	if (n == 0)
		return show(out, "", 0, e);
	autobuf text = BUF(out->max);
	size_t first = nl ? (size_t)(nl - line) : n;
	if (buf_str(&text, "\033[32;1m$ ", e) < 0 || buf_add(&text, line, first, e) < 0 ||
	    (nl && buf_str(&text, " # collapsed multi-line command", e) < 0) ||
	    buf_str(&text, "\033[0;m", e) < 0)
		return -1;
	return show(out, text.p, text.len, e);
}

static int add_line(const struct script *s, struct buf *out, size_t i, struct err *e)
{
	const char *line = s->lines[i];
	size_t n = strlen(line);
	while (n && isspace((unsigned char)line[n - 1]))
		n--;
	for (; n && isspace((unsigned char)*line); n--)
		line++;
	bool section = s->sections && memchr(line, '\n', n);
	int shown = section ? show_section(out, i, line, n, e) : show_command(out, line, n, e);
	if (shown < 0 || buf_add(out, line, n, e) < 0)
		return -1;
	if (s->check_exit && n &&
	    buf_str(out, "\ncourser_status=$?; [ $courser_status -eq 0 ] || exit $courser_status",
		    e) < 0)
		return -1;
	return buf_char(out, '\n', e);
}

static int add_hook(struct buf *out, const char *text, struct err *e)
{
	return text[0] ? buf_printf(out, e, "%s\n", text) : 0;
}

int script_build(const struct script *s, struct buf *out, struct err *e)
{
	if (buf_str(out, frame_head, e) < 0 ||
	    buf_str(out, s->env_file[0] ? env_loader : "", e) < 0 ||
	    add_hook(out, s->before, e) < 0 ||
	    buf_str(out, s->xtrace ? "set -o xtrace\n" : "", e) < 0)
		return -1;
	for (size_t i = 0; i < s->nlines; i++)
		if (add_line(s, out, i, e) < 0)
			return -1;
	return add_hook(out, s->after, e);
}
