#include "executor/verdict.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const faults[] = {
	[FAULT_NONE] = "none",     [FAULT_SCRIPT] = "script",   [FAULT_INFRA] = "infra",
	[FAULT_CONFIG] = "config", [FAULT_TIMEOUT] = "timeout", [FAULT_CANCELLED] = "cancelled",
};

struct ending_row {
	enum fault fault;
	const char *reason; /* as gitlab-runner names it */
	const char *next;
};

static const struct ending_row endings[ENDINGS] = {
	[ENDING_SUCCESS] = { FAULT_NONE, "", "" },
	[ENDING_SCRIPT] = { FAULT_SCRIPT, "script_failure",
			    "read the output above; run the same job with `courser exec`" },
	[ENDING_MEMORY] = { FAULT_SCRIPT, "script_failure",
			    "have the job use less memory, or raise limits.memory of its runner" },
	[ENDING_TIMEOUT] = { FAULT_TIMEOUT, "job_execution_timeout",
			     "make the job faster, split it, or raise its timeout" },
	[ENDING_CANCELLED] = { FAULT_CANCELLED, "job_canceled",
			       "retry the job if that was not meant" },
	[ENDING_INTERRUPTED] = { FAULT_INFRA, "runner_interrupted",
				 "retry the job: the runner was stopped while it ran" },
	[ENDING_CONFIG] = { FAULT_CONFIG, "runner_configuration_error",
			    "correct the setting that is named and retry" },
	[ENDING_UNSUPPORTED] = { FAULT_CONFIG, "runner_configuration_error",
				 "remove the keyword or send the job to a runner that has it (tags)" },
	[ENDING_IMAGE] = { FAULT_CONFIG, "image_pull_failure",
			   "correct the image's name, its tag or the credentials for its registry" },
	[ENDING_REGISTRY] = { FAULT_INFRA, "image_pull_failure",
			      "check the registry that is named; retry when it answers" },
	[ENDING_EXTERNAL] = { FAULT_INFRA, "runner_external_dependency_failure",
			      "check the server that is named; retry when it answers" },
	[ENDING_INFRA] = { FAULT_INFRA, "runner_system_failure",
			   "tell the operator of this runner; a retry may land on another one" },
	[ENDING_PAYLOAD] = { FAULT_CONFIG, "runner_system_failure",
			     "the forge sent what this runner cannot read: tell both operators" },
	[ENDING_LOST] = { FAULT_INFRA, "runner_system_failure",
			  "retry the job; the runner's own log says more" },
};

const char *fault_name(enum fault f)
{
	return faults[f];
}

static void format(char *out, size_t size, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

static void format(char *out, size_t size, const char *fmt, va_list ap)
{
	vsnprintf(out, size, fmt, ap);
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' '; /* one line, whatever it quotes */
}

bool verdict_set(struct verdict *v, enum ending ending, const char *fmt, ...)
{
	if (v->ending != ENDING_SUCCESS)
		return false;
	va_list ap;
	va_start(ap, fmt);
	format(v->what, sizeof v->what, fmt, ap);
	va_end(ap);
	v->ending = ending;
	return true;
}

void verdict_evidence(struct verdict *v, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	format(v->evidence, sizeof v->evidence, fmt, ap);
	va_end(ap);
}

enum fault verdict_fault(const struct verdict *v)
{
	return endings[v->ending].fault;
}

const char *verdict_reason(const struct verdict *v)
{
	return endings[v->ending].reason;
}

const char *verdict_state(const struct verdict *v)
{
	return v->ending == ENDING_SUCCESS ? "success" : "failed";
}

const char *verdict_next(const struct verdict *v)
{
	return v->next[0] ? v->next : endings[v->ending].next;
}

int verdict_text(const struct verdict *v, struct buf *out, struct err *e)
{
	if (v->ending == ENDING_SUCCESS)
		return buf_str(out, "job succeeded", e);
	if (buf_printf(out, e, "%s; fault: %s", v->what, fault_name(verdict_fault(v))) < 0)
		return -1;
	if (v->evidence[0] && buf_printf(out, e, "; evidence: %s", v->evidence) < 0)
		return -1;
	return buf_printf(out, e, "; next: %s", verdict_next(v));
}
