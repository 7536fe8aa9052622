import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { IProblem, ISnapshot } from './wire';

/** What the server refused, with the next step. */
export class Refusal extends Error {
  constructor(readonly problem: IProblem) {
    super(`${problem.what} ${problem.next}`);
  }
}

/** The requests that the model makes. */
export interface IJobsApi {
  /** The snapshot, or null where the one with the last answer's version still holds. */
  snapshot(): Promise<ISnapshot | null>;
  /** Ask the scheduler to end a job. Rejects with a Refusal. */
  cancel(jobId: string): Promise<void>;
}

/** Speaks to server_ext; adds the XSRF header and the base URL, as every request must. */
export class JobsApi implements IJobsApi {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  async snapshot(): Promise<ISnapshot | null> {
    const response = await this._request('jobs', { headers: this._etag ? { 'If-None-Match': this._etag } : {} });
    if (response.status === 304) {
      return null;
    }
    this._etag = response.headers.get('ETag') ?? '';
    return (await response.json()) as ISnapshot;
  }

  async cancel(jobId: string): Promise<void> {
    await this._request(`jobs/${encodeURIComponent(jobId)}`, { method: 'DELETE' });
  }

  /** A socket that tells the server that somebody looks, as long as it is open. */
  watch(): WebSocket {
    const { wsUrl, token, appendToken, WebSocket } = this._settings;
    const query = appendToken && token ? `?token=${encodeURIComponent(token)}` : '';
    return new WebSocket(URLExt.join(wsUrl, 'beamside', 'watch') + query);
  }

  private async _request(path: string, init: RequestInit): Promise<Response> {
    const url = URLExt.join(this._settings.baseUrl, 'beamside', path);
    const response = await ServerConnection.makeRequest(url, { cache: 'no-store', ...init }, this._settings);
    if (response.ok || response.status === 304) {
      return response;
    }
    throw new Refusal(await problemOf(response));
  }

  private _etag = '';
}

/** The server's own words; something in between, a proxy for example, may have answered instead. */
async function problemOf(response: Response): Promise<IProblem> {
  const text = await response.text();
  try {
    const found = JSON.parse(text) as { error?: IProblem };
    if (found.error) {
      return found.error;
    }
  } catch {
    // not JSON, so not from us: the status says all there is
  }
  return { what: `${response.status} ${response.statusText}`.trim(), to: response.url, next: '' };
}
