/* Remarks of steps about places in files: counted, in the journal, in the verdict. */
#include "executor/worker_flow.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { RECORDED_MAX = 100, TEXT_BYTES = 800 };

static const char *const severities[] = {
	[ANNOTATION_NOTICE] = "notice",
	[ANNOTATION_WARNING] = "warning",
	[ANNOTATION_ERROR] = "error",
};

/* What leaves by another way than the log is masked here; a long text loses its tail. */
static int masked(struct flow *f, const char *text, struct buf *out, struct err *e)
{
	size_t n = strnlen(text, out->max / 4);
	return buf_add(out, text, n, e) < 0 ? -1 : joblog_redact(&f->w->log, out, e);
}

static int record(struct flow *f, const struct annotation *a, const char *text, struct err *e)
{
	char line[STR_NUM], column[STR_NUM];
	autobuf file = BUF(4 * TEXT_BYTES);
	autobuf title = BUF(4 * TEXT_BYTES);
	if (masked(f, a->file, &file, e) < 0 || masked(f, a->title, &title, e) < 0)
		return -1;
	return journal_event(&f->w->journal, e, "remark", "severity", severities[a->severity],
			     "file", buf_cstr(&file), "line", str_num(line, a->line), "column",
			     str_num(column, a->column), "title", buf_cstr(&title), "text", text,
			     NULL);
}

int flow_remark(struct flow *f, const struct annotation *a, struct err *e)
{
	autobuf text = BUF(4 * TEXT_BYTES);
	unsigned sum = 0;
	for (size_t i = 0; i <= ANNOTATION_ERROR; i++)
		sum += f->remarks[i];
	f->remarks[a->severity]++;
	if (sum >= RECORDED_MAX)
		return 0;
	if (masked(f, a->message, &text, e) < 0 || record(f, a, buf_cstr(&text), e) < 0)
		return -1;
	if (a->severity == ANNOTATION_ERROR && !*f->remark)
		snprintf(f->remark, sizeof f->remark, "%.80s%s%.100s", a->file,
			 *a->file ? ": " : "", buf_cstr(&text));
	return 0;
}

void flow_remarks_say(struct flow *f)
{
	char text[128] = "";
	size_t n = 0;
	for (size_t i = ANNOTATION_ERROR + 1; i-- > 0;) {
		unsigned k = f->remarks[i];
		if (k)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s%u %s%s", n ? ", " : "",
					      k, severities[i], k == 1 ? "" : "s");
	}
	if (n)
		joblog_sayf(&f->w->log, SAY_PLAIN, "Annotations: %s", text);
}
