/* The end of a job: its times, its verdict, and the two records that close the journal. */
#include "executor/worker.h"

#include "base/clock.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

enum { BUDGET_MS = 15 * 60 * 1000, TEXT_MAX = 4 << 10 };

static int add_time(struct buf *b, const char *name, uint64_t ms, struct err *e)
{
	return buf_printf(b, e, "%s%s %llu.%03us", b->len ? ", " : "", name,
			  (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

static uint64_t total_ms(const struct worker *w)
{
	return clock_ms() - w->started_ms + w->settings.prepaid_ms;
}

/* "queue 0.120s, prepare 0.004s, …, total 1.200s: 0.1 % of the 15-minute budget" */
static void say_times(struct worker *w)
{
	struct err e = { 0 };
	autobuf b = BUF(TEXT_MAX);
	uint64_t total = total_ms(w);
	for (int p = 0; p < PHASES; p++)
		if (w->spent[p] && add_time(&b, phase_name((enum phase)p), w->spent_ms[p], &e) < 0)
			return;
	if (add_time(&b, "total", total, &e) < 0)
		return;
	uint64_t mille = total * 1000 / BUDGET_MS;
	joblog_sayf(&w->log, SAY_PLAIN, "Time: %s (%llu.%u %% of the 15-minute budget)",
		    buf_cstr(&b), (unsigned long long)(mille / 10), (unsigned)(mille % 10));
}

static void say_denied(struct worker *w)
{
	struct err e = { 0 };
	autobuf b = BUF(TEXT_MAX);
	if (w->box.denials.total && denials_text(&w->box.denials, &b, &e) == 0)
		joblog_sayf(&w->log, SAY_PLAIN, "Sandbox: denied: %s", buf_cstr(&b));
}

static void say_usage(struct worker *w)
{
	struct err e = { 0 };
	autobuf b = BUF(TEXT_MAX);
	if (usage_text(&w->box.usage, &b, &e) == 0 && b.len)
		joblog_sayf(&w->log, SAY_PLAIN, "Used: %s", buf_cstr(&b));
}

static int record_usage(struct worker *w, struct err *e)
{
	const struct usage *u = &w->box.usage;
	char peak[STR_NUM], cpu[STR_NUM], processes[STR_NUM];
	return journal_event(&w->journal, e, "usage", "by", usage_source(u), "memory",
			     str_num(peak, u->memory_peak ? u->memory_peak : u->largest), "cpu_us",
			     str_num(cpu, u->cpu_us), "processes", str_num(processes, u->processes),
			     NULL);
}

static int record_denied(struct worker *w, struct err *e)
{
	const struct denials *d = &w->box.denials;
	char times[STR_NUM];
	for (size_t i = 0; i < d->n; i++)
		if (journal_event(&w->journal, e, "denied", "call", d->rows[i].call, "times",
				  str_num(times, d->rows[i].times), NULL) < 0)
			return -1;
	return 0;
}

static void say_verdict(struct worker *w)
{
	const struct verdict *v = &w->verdict;
	bool ours = verdict_fault(v) == FAULT_INFRA || verdict_fault(v) == FAULT_CONFIG;
	if (w->settings.network[0])
		joblog_sayf(&w->log, SAY_PLAIN, "Sandbox: network profile %s", w->settings.network);
	say_usage(w);
	say_denied(w);
	if (v->ending == ENDING_SUCCESS) {
		joblog_say(&w->log, SAY_NOTICE, "Job succeeded");
		return;
	}
	joblog_sayf(&w->log, SAY_PLAIN, "Fault: %s", fault_name(verdict_fault(v)));
	if (v->evidence[0])
		joblog_sayf(&w->log, SAY_PLAIN, "Evidence: %s", v->evidence);
	joblog_sayf(&w->log, SAY_PLAIN, "Next: %s", verdict_next(v));
	joblog_sayf(&w->log, SAY_ERROR, "ERROR: Job failed%s: %s", ours ? " (system failure)" : "",
		    v->what);
}

static int close_journal(struct worker *w, struct err *e)
{
	const struct verdict *v = &w->verdict;
	char code[STR_NUM], total[STR_NUM];
	autobuf text = BUF(TEXT_MAX);
	const char *reason = verdict_reason(v);
	if (verdict_text(v, &text, e) < 0 || joblog_redact(&w->log, &text, e) < 0)
		return -1;
	if (journal_event(&w->journal, e, "timing", "name", "total", "ms",
			  str_num(total, total_ms(w)), NULL) < 0 ||
	    record_usage(w, e) < 0 || record_denied(w, e) < 0)
		return -1;
	if (journal_event(&w->journal, e, "verdict", "state", verdict_state(v), "reason",
			  reason[0] ? w->forge->reason(reason, w->job) : "", "exit",
			  str_num(code, (uint64_t)v->exit_code), "fault",
			  fault_name(verdict_fault(v)), "text", buf_cstr(&text), NULL) < 0)
		return -1;
	return journal_event(&w->journal, e, "end", NULL);
}

int worker_report(struct worker *w, struct err *e)
{
	joblog_section(&w->log, NULL, NULL);
	worker_phase(w, PHASES);
	if (w->log.broken.code)
		verdict_set(&w->verdict, ENDING_INFRA, "%s", w->log.broken.msg);
	if (trace_finish(w->trace, e) < 0)
		return -1;
	worker_services_report(w);
	say_times(w);
	say_verdict(w);
	/* a log that cannot be written is closed by the supervisor, which keeps room for that */
	return joblog_commit(&w->log, e) < 0 ? -1 : close_journal(w, e);
}
