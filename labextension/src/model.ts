import { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';

import type { IJobsApi } from './api';
import { inOrder, matcher } from './order';
import { Told } from './told';
import type { IAhead, IDelta, IJob, IKnowledge, IProblem, ISnapshot } from './wire';

/** Without an event for this long, in milliseconds, something between us and the server is asleep: the beat is 10 s. */
export const SILENCE = 25_000;

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 10_000;

/**
 * The user's jobs, as a snapshot that deltas keep true.
 *
 * Where something was missed the snapshot is taken again, and where the server does not answer, until it does. What was
 * known last stays shown, with the time since when it is not confirmed.
 */
export class JobsModel implements IDisposable {
  constructor(options: JobsModel.IOptions) {
    this._api = options.api;
    this._clock = options.clock ?? Date.now;
    this._heard = this._clock();
  }

  /** Emitted whenever anything below may have changed. */
  readonly changed = new Signal<this, void>(this);

  /** Emitted with every event of the server's, also one that changes nothing: a hidden tab's timers may sleep. */
  readonly heard = new Signal<this, void>(this);

  /** All jobs in the order in which they are shown; null while they were never known. */
  get jobs(): readonly IJob[] | null {
    const { jobs, sessionJobId } = this._told;
    return jobs && (this._ordered ??= inOrder(jobs.values(), sessionJobId));
  }

  /** The jobs that the filter lets through. */
  get shown(): readonly IJob[] {
    return (this._shown ??= (this.jobs ?? []).filter(matcher(this._filter)));
  }

  /** Words that must all occur somewhere in a job. */
  get filter(): string {
    return this._filter;
  }
  set filter(text: string) {
    this._filter = text;
    this._shown = null;
    this.changed.emit();
  }

  /** Null until the server has answered for the first time. */
  get knowledge(): IKnowledge | null {
    return this._lost ?? this._told.knowledge;
  }

  /** Where the server has its jobs from; null until it has answered. */
  get source(): ISnapshot['source'] | null {
    return this._told.source;
  }

  /** The job that this JupyterLab runs in; null outside a job, and while the server has not told of it. */
  get sessionJob(): IJob | null {
    return this.job(this.sessionJobId);
  }

  /** The id of the job that this JupyterLab runs in; empty outside a job. */
  get sessionJobId(): string {
    return this._told.sessionJobId;
  }

  /** What lies ahead of this session; null until the server has answered. */
  get ahead(): IAhead | null {
    return this._told.ahead;
  }

  /** Now by the server's clock, in milliseconds: a laptop's own may be wrong. */
  get now(): number {
    return this._clock() + this._clockAhead;
  }

  /** The id of the job that commands without arguments mean; empty where there is none. */
  get selected(): string {
    return this.job(this._selected) ? this._selected : '';
  }
  set selected(jobId: string) {
    if (jobId !== this._selected) {
      this._selected = jobId;
      this.changed.emit();
    }
  }

  /** The job with this id, as last told. */
  job(jobId: string): IJob | null {
    return this._told.jobs?.get(jobId) ?? null;
  }

  /** Whether a cancel was accepted and the scheduler has not told of the end yet. */
  isCancelling(jobId: string): boolean {
    return this._cancelling.has(jobId);
  }

  /** Take the snapshot again, unless that is under way. Never rejects: what goes wrong is shown, and tried again. */
  async refresh(): Promise<void> {
    this._refreshing ??= this._fetch().finally(() => {
      this._refreshing = null;
    });
    await this._refreshing;
  }

  /** Apply an event of the server's. */
  take(delta: IDelta): void {
    this._heard = this._clock();
    const became = this._told.apply(delta);
    if (became === 'missed' || (became === 'changed' && this.jobs === null)) {
      void this.refresh();
    }
    if (became === 'changed') {
      this._renew();
    }
    this.heard.emit();
  }

  /** Look after a silence, e.g. when a tab wakes up: cheap where nothing changed. */
  check(): void {
    if (this._clock() - this._heard > SILENCE) {
      this._heard = this._clock();
      void this.refresh();
    }
  }

  /** Ask the scheduler to end a job. Rejects with the server's refusal. */
  async cancel(jobId: string): Promise<void> {
    await this._api.cancel(jobId);
    this._cancelling.add(jobId);
    this._renew();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._retry);
    Signal.clearData(this);
  }

  private async _fetch(): Promise<void> {
    clearTimeout(this._retry);
    try {
      do {
        const found = await this._api.snapshot();
        if (found) {
          this._heard = this._clock();
          this._clockAhead = Date.parse(found.server_time) - this._heard;
          this._told.adopt(found);
        }
      } while (this._told.isBehind());
      this._lost = null;
      this._pause = FIRST_PAUSE;
    } catch (reason) {
      this._lost ??= { known: false, since: new Date(this.now).toISOString(), problem: asProblem(reason) };
      this._tryAgain();
    }
    this._renew();
  }

  private _tryAgain(): void {
    if (!this._isDisposed) {
      const jitter = 0.5 + Math.random();
      this._retry = setTimeout(() => void this.refresh(), this._pause * jitter);
      this._pause = Math.min(this._pause * 2, LONGEST_PAUSE);
    }
  }

  private _renew(): void {
    this._ordered = this._shown = null;
    for (const jobId of this._cancelling) {
      if (this.job(jobId)?.is_final ?? true) {
        this._cancelling.delete(jobId);
      }
    }
    if (!this._isDisposed) {
      this.changed.emit();
    }
  }

  private readonly _api: IJobsApi;
  private readonly _clock: () => number;
  private readonly _cancelling = new Set<string>();
  private readonly _told = new Told();
  private _ordered: readonly IJob[] | null = null;
  private _shown: readonly IJob[] | null = null;
  private _filter = '';
  private _selected = '';
  private _lost: IKnowledge | null = null; // the server itself does not answer; hides what it said last
  private _clockAhead = 0;
  private _heard: number;
  private _refreshing: Promise<void> | null = null;
  private _retry: ReturnType<typeof setTimeout> | undefined;
  private _pause = FIRST_PAUSE;
  private _isDisposed = false;
}

export namespace JobsModel {
  export interface IOptions {
    api: IJobsApi;
    /** The browser's clock in milliseconds; tests drive their own. */
    clock?: () => number;
  }
}

function asProblem(reason: unknown): IProblem {
  if (reason instanceof Error && 'problem' in reason) {
    return reason.problem as IProblem;
  }
  return { what: 'The Jupyter server gives no answer.', to: 'your jobs', next: 'It is asked again by itself.' };
}
