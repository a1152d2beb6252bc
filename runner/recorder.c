#include "runner/recorder.h"

#include "base/layout.h"

#define F(kind, type, name) LAYOUT_FIELD(kind, struct recorder_##type, name)
#define TIMES(type, name)                                                       \
	{                                                                       \
		LAYOUT_U64S, offsetof(struct recorder_##type, name), PHASES + 1 \
	}
#define ROW(type, ...) LAYOUT(struct recorder_##type, __VA_ARGS__)

static const struct layout layouts[RECORDER_TYPES] = {
	[RECORDER_JOB_STARTED] = ROW(job_started, F(STR, job_started, registration),
				     F(U64, job_started, project_id), F(U64, job_started, job_id)),
	[RECORDER_JOB_ENDED] = ROW(
		job_ended, F(STR, job_ended, name), F(STR, job_ended, registration),
		F(STR, job_ended, project), F(U64, job_ended, project_id),
		F(U64, job_ended, job_id), F(U64, job_ended, ended_us), F(STR, job_ended, state),
		F(STR, job_ended, reason), F(STR, job_ended, fault), F(U32, job_ended, exit_code),
		F(U32, job_ended, timed), TIMES(job_ended, ms)),
	[RECORDER_GAUGE] = ROW(gauge, F(STR, gauge, name), F(STR, gauge, labels),
			       F(DOUBLE, gauge, value)),
	[RECORDER_COUNTER_ADD] = ROW(counter_add, F(STR, counter_add, name),
				     F(STR, counter_add, labels), F(U64, counter_add, value)),
	[RECORDER_READY] = ROW(ready, F(U32, ready, ready), F(STR, ready, text)),
};

static const struct layout_table table = { "recorder", layouts, RECORDER_TYPES };

int recorder_send(int sock, enum recorder_type type, const void *from, struct err *e)
{
	return layout_send(&table, sock, (uint32_t)type, from, e);
}

int recorder_take(struct msg *m, void *ret, struct err *e)
{
	return layout_take(&table, m, ret, e);
}
