// Requests to the control plane, and their refusals in words.

const TIMEOUT_MS = 60000;

/** A request that was refused or got no answer. */
export class Problem extends Error {
  /**
   * @param {string} message
   * @param {{code?: string, hint?: string, fields?: {path: string, message: string}[], requestId?: string,
   *   operation?: import('./types.js').Operation | null}} [more]
   */
  constructor(message, more = {}) {
    super(message);
    this.code = more.code ?? 'network';
    this.hint = more.hint ?? '';
    this.fields = more.fields ?? [];
    this.requestId = more.requestId ?? '';
    this.operation = more.operation ?? null;
  }
}

/**
 * @param {'GET' | 'POST' | 'PUT' | 'DELETE'} method @param {string} path relative to the page @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: body === undefined ? { accept: 'application/json' } : { accept: 'application/json', 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    const late = cause instanceof DOMException && cause.name === 'TimeoutError';
    throw new Problem(late ? `The daemon did not answer within ${TIMEOUT_MS / 1000} s.` : 'The daemon cannot be reached.', {
      hint: 'Nothing is known of what it did with the request: look at the operations before trying again.',
    });
  }
  const data = await response.json().catch(() => null);
  if (response.ok) return data ?? {};
  throw problemOf(response, data);
}

/** @param {Response} response @param {any} data */
export function problemOf(response, data) {
  const error = data?.error ?? {};
  return new Problem(error.message || `The request was refused (HTTP ${response.status}).`, {
    code: error.code ?? String(response.status),
    hint: error.hint ?? '',
    fields: Array.isArray(error.fields) ? error.fields : [],
    requestId: error.request_id || response.headers.get('x-request-id') || '',
    operation: error.operation ?? null,
  });
}
