"""Job payloads as `POST jobs/request` answers them (201), for the coordinator and for `courser exec` alike."""

from __future__ import annotations

import itertools
import secrets as random_secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

FAILURE_REASONS = [
    "unknown_failure", "script_failure", "api_failure", "stuck_or_timeout_failure", "runner_system_failure",
    "missing_dependency_failure", "runner_unsupported", "stale_schedule", "job_execution_timeout",
    "archived_failure", "unmet_prerequisites", "scheduler_failure", "data_integrity_failure", "forward_deployment_failure",
    "user_blocked", "project_deleted", "ci_quota_exceeded", "pipeline_loop_detected", "builds_disabled",
    "environment_creation_failure", "deployment_rejected", "failed_outdated_deployment_job", "image_pull_failure",
    "runner_interrupted", "trace_size_exceeded", "job_canceled", "runner_configuration_error",
    "runner_external_dependency_failure",
]
# What an older server knows; whatever else a runner wants to say has to be mapped to one of these.
OLD_FAILURE_REASONS = ["unknown_failure", "script_failure", "runner_system_failure", "job_execution_timeout"]
ALWAYS_ALLOWED_REASONS = frozenset(OLD_FAILURE_REASONS)

_ids = itertools.count(1000)


def job_token() -> str:
    return "glcbt-64_" + random_secrets.token_urlsafe(15)


def variable(key: str, value: Any, **flags: bool) -> dict[str, Any]:
    """One entry of `variables`; flags: public, masked, raw, file."""
    return {"key": key, "value": value, "public": False, "masked": False, "raw": False, "file": False, **flags}


def variable_list(given: Mapping[str, Any] | Iterable[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """{"A": "1"} or [{"key": "A", "value": "1", "masked": True}] -> complete entries."""
    if given is None:
        return []
    if isinstance(given, Mapping):
        return [variable(key, value) for key, value in given.items()]
    return [variable(**entry) for entry in given]


def url_with_token(url: str, token: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"gitlab-ci-token:{token}@{parts.netloc.rpartition('@')[2]}"))


def refspecs(ref: str, ref_type: str, pipeline_id: int, sha: str, depth: int) -> list[str]:
    """What GitLab tells a runner to fetch: the pipeline's ref and its branch or tag, or everything at depth 0."""
    specs = [f"+{sha}:refs/pipelines/{pipeline_id}"]
    branch, tag = ref_type == "branch", ref_type == "tag"
    if depth == 0:
        return specs + ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]
    if branch:
        specs.append(f"+refs/heads/{ref}:refs/remotes/origin/{ref}")
    if tag:
        specs.append(f"+refs/tags/{ref}:refs/tags/{ref}")
    return specs


def git_info(git: Any, token: str, pipeline_id: int, ref: str | None, depth: int) -> dict[str, Any]:
    """`git` is a git_server.Repo, a mapping that overrides single fields, or None (no sources to speak of)."""
    info = {
        "repo_url": f"http://gitlab-ci-token:{token}@127.0.0.1:1/group/project.git", "repo_object_format": "sha1",
        "ref": ref or "main", "sha": "0" * 40, "before_sha": "0" * 40, "ref_type": "branch", "depth": depth,
        "protected": True,
    }
    given = dict(git) if isinstance(git, Mapping) else {}
    if git is not None and not isinstance(git, Mapping):
        head = git.resolve(ref or "main")
        info.update(repo_url=url_with_token(git.url, token), sha=head, repo_object_format=git.object_format,
                    ref_type="tag" if git.is_tag(info["ref"]) else "branch")
    info.update(given)
    info.setdefault("refspecs", refspecs(info["ref"], info["ref_type"], pipeline_id, info["sha"], info["depth"]))
    return info


def predefined(payload: dict[str, Any], url: str) -> list[dict[str, Any]]:
    """The CI_* variables that GitLab sends first."""
    job, git, token = payload["job_info"], payload["git_info"], payload["token"]
    parts = urlsplit(url)
    path = job["project_full_path"]
    plain = {
        "CI": "true", "GITLAB_CI": "true", "CI_SERVER_URL": url, "CI_SERVER_HOST": parts.hostname or "",
        "CI_SERVER_PORT": str(parts.port or 443), "CI_SERVER_PROTOCOL": parts.scheme, "CI_SERVER_NAME": "GitLab",
        "CI_SERVER_VERSION": "19.4.0-ee", "CI_API_V4_URL": f"{url}/api/v4",
        "CI_JOB_ID": str(payload["id"]), "CI_JOB_NAME": job["name"], "CI_JOB_STAGE": job["stage"],
        "CI_JOB_URL": f"{url}/{path}/-/jobs/{payload['id']}",
        "CI_PIPELINE_ID": str(job["pipeline_id"]), "CI_PIPELINE_SOURCE": "push",
        "CI_PROJECT_ID": str(job["project_id"]), "CI_PROJECT_NAME": job["project_name"], "CI_PROJECT_PATH": path,
        "CI_PROJECT_NAMESPACE": path.rpartition("/")[0], "CI_PROJECT_URL": f"{url}/{path}",
        "CI_COMMIT_SHA": git["sha"], "CI_COMMIT_SHORT_SHA": git["sha"][:8], "CI_COMMIT_BEFORE_SHA": git["before_sha"],
        "CI_COMMIT_REF_NAME": git["ref"], "CI_COMMIT_REF_PROTECTED": "true" if git["protected"] else "false",
        "CI_DEFAULT_BRANCH": "main", "GITLAB_USER_LOGIN": "root", "CI_RUNNER_ID": "1",
        "CI_COMMIT_TAG" if git["ref_type"] == "tag" else "CI_COMMIT_BRANCH": git["ref"],
    }
    listed = [variable(key, value, public=True) for key, value in plain.items()]
    listed.append(variable("CI_REPOSITORY_URL", git["repo_url"], masked=False))
    listed += [variable(key, token, masked=True) for key in ("CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD")]
    return listed


def step(name: str, script: list[str], timeout: int, when: str = "on_success", allow_failure: bool = False) -> dict:
    return {"name": name, "script": script, "timeout": timeout, "when": when, "allow_failure": allow_failure}


def artifact_list(artifacts: Any) -> list[dict[str, Any]]:
    """One mapping or several -> complete entries."""
    given = [artifacts] if isinstance(artifacts, Mapping) else list(artifacts or [])
    default = {"name": "", "untracked": False, "paths": [], "exclude": None, "when": "on_success",
               "artifact_type": "archive", "artifact_format": "zip", "expire_in": ""}
    return [{**default, **entry} for entry in given]


def cache_list(cache: Any) -> list[dict[str, Any]]:
    given = [cache] if isinstance(cache, Mapping) else list(cache or [])
    default = {"key": "default", "untracked": False, "paths": [], "policy": "pull-push", "when": "on_success",
               "fallback_keys": []}
    return [{**default, **entry} for entry in given]


def hook_list(hooks: Any) -> list[dict[str, Any]]:
    """{"pre_get_sources_script": ["a"]} or the list of the wire."""
    if isinstance(hooks, Mapping):
        return [{"name": name, "script": script} for name, script in hooks.items()]
    return list(hooks or [])


def merge(base: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Overrides: a mapping is merged into a mapping, anything else replaces (also None)."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = value
    return base


def payload(script: list[str] | None = None, after_script: list[str] | None = None, *, variables: Any = None,
            secrets: Any = None, git: Any = None, ref: str | None = None, depth: int = 20, artifacts: Any = None,
            cache: Any = None, timeout: int = 3600, hooks: Any = None, name: str = "test", stage: str = "test",
            job_id: int | None = None, token: str | None = None, project: str = "group/project", project_id: int = 42,
            pipeline_id: int = 7, url: str = "http://gitlab.example.com", steps: list[dict] | None = None,
            failure_reasons: list[str] | None = None, **overrides: Any) -> dict[str, Any]:
    """A complete payload. `overrides` are merged last into the top level (mappings deeply).

    Without `git` the job gets GIT_STRATEGY=none, unless `variables` name one: a job about something else than sources
    needs no repository.
    """
    token = token or job_token()
    job_id = job_id if job_id is not None else next(_ids)
    extra = variable_list(variables)
    if git is None and not any(entry["key"] == "GIT_STRATEGY" for entry in extra):
        extra.append(variable("GIT_STRATEGY", "none", public=True))
    job_steps = steps if steps is not None else [step("script", script if script is not None else ["true"], timeout)]
    if after_script:
        job_steps = job_steps + [step("after_script", after_script, timeout, "always", True)]
    built: dict[str, Any] = {
        "id": job_id, "token": token, "allow_git_fetch": True,
        "job_info": {
            "name": name, "stage": stage, "pipeline_id": pipeline_id, "project_id": project_id,
            "project_name": project.rpartition("/")[2], "project_full_path": project, "namespace_id": 3,
            "root_namespace_id": 3, "organization_id": 1, "instance_id": "c2a1f0de-0d3e-4e70-9d8b-8f1f4f7c61aa",
            "instance_uuid": "0f6a4c4c-6d0f-4ad0-9b33-19d3a3f6f1d2", "user_id": 1, "scoped_user_id": None,
            "time_in_queue_seconds": 0.25, "project_jobs_running_on_instance_runners_count": "0",
            "queue_size": 1, "queue_depth": 1,
        },
        "git_info": git_info(git, token, pipeline_id, ref, depth),
        "runner_info": {"timeout": timeout, "runner_session_url": None},
        "inputs": [], "variables": [], "steps": job_steps, "image": None, "services": [],
        "artifacts": artifact_list(artifacts) or None, "cache": cache_list(cache),
        "credentials": [{"type": "registry", "url": "registry.example.com", "username": "gitlab-ci-token",
                         "password": token}],
        "dependencies": [],
        "features": {"trace_sections": True, "token_mask_prefixes": ["glpat-"],
                     "failure_reasons": FAILURE_REASONS if failure_reasons is None else failure_reasons},
        "hooks": hook_list(hooks),
        "policy_options": None,
        "created_at": int(time.time()),
    }
    if secrets is not None:
        built["secrets"] = secrets
    built["variables"] = predefined(built, url.rstrip("/")) + extra
    return merge(built, overrides)


def vault_secret(url: str, mount: str, path: str, field: str, *, engine: str = "kv-v2", role: str | None = "ci",
                 jwt: str = "$VAULT_ID_TOKEN", auth_path: str = "jwt", namespace: str = "",
                 file: bool | None = False) -> dict[str, Any]:
    """One entry of `secrets`; `file=None` leaves the key out (then the value is delivered as a file)."""
    data = {"jwt": jwt} if role is None else {"jwt": jwt, "role": role}
    entry: dict[str, Any] = {
        "vault": {"server": {"url": url, "namespace": namespace,
                             "auth": {"name": "jwt", "path": auth_path, "data": data}},
                  "engine": {"name": engine, "path": mount}, "path": path, "field": field},
        "token": jwt,
    }
    if file is not None:
        entry["file"] = file
    return entry
