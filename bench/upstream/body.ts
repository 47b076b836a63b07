/** What the upstream answers to every request: 1 KB of JSON, the same bytes each time. */
export const UPSTREAM_BODY_BYTES = 1024;

function buildBody(): string {
  const start = '{"id":"9007199254740993","status":"shipped","note":"';
  const end = '"}';
  return `${start}${'x'.repeat(UPSTREAM_BODY_BYTES - start.length - end.length)}${end}`;
}

export const UPSTREAM_BODY = buildBody();

/** Answered with 1 MB in place of the 1 KB. */
export const DOWNLOAD_PATH = '/api/v1/exports/9007199254740993';
export const DOWNLOAD_BYTES = 1_000_000;
