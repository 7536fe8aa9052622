/** The one request function to the hub, and how the form's page asks. */

import type { IJudgement, ILive } from './wire';

/** Where the page may ask, as the hub wrote it on the form. */
export interface IPlaces {
  live: string;
  judge: string;
  xsrf: string;
}

export class Hub {
  constructor(private readonly places: IPlaces) {}

  /** What changes on the form; null when nothing did since the last time. */
  async live(): Promise<ILive | null> {
    const known: Record<string, string> = this.tag ? { 'If-None-Match': this.tag } : {};
    const response = await this.ask(this.places.live, { headers: known });
    if (response.status === 304) {
      return null;
    }
    this.tag = response.headers.get('ETag') ?? '';
    return (await response.json()) as ILive;
  }

  /** What the hub would do with these choices. */
  async judge(choices: Record<string, string>, signal: AbortSignal): Promise<IJudgement> {
    const headers = { 'Content-Type': 'application/json' };
    const response = await this.ask(this.places.judge, { method: 'POST', body: JSON.stringify(choices), headers, signal });
    return (await response.json()) as IJudgement;
  }

  private async ask(url: string, init: RequestInit & { headers: Record<string, string> }): Promise<Response> {
    const headers = { ...init.headers, 'X-XSRFToken': this.places.xsrf };
    // the browser's own cache would answer 200 from a 304, and the page would draw everything again
    const response = await fetch(url, { cache: 'no-store', ...init, headers });
    if (!response.ok && response.status !== 304) {
      throw new Error(`the hub answered ${response.status}`);
    }
    return response;
  }

  private tag = '';
}
