import type { IAhead, IDelta, IJob, IKnowledge, ISnapshot } from './wire';

/** What the server told: a snapshot, and every delta since. Asks nobody and knows no time. */
export class Told {
  /** By their ids; null while they were never known. */
  get jobs(): ReadonlyMap<string, IJob> | null {
    return this._jobs;
  }

  /** Null until the server has answered for the first time, as the next two. */
  get knowledge(): IKnowledge | null {
    return this._knowledge;
  }

  get source(): ISnapshot['source'] | null {
    return this._source;
  }

  get ahead(): IAhead | null {
    return this._ahead;
  }

  /** The job that this JupyterLab runs in; empty outside a job. */
  get sessionJobId(): string {
    return this._sessionJobId;
  }

  /** Begin anew with a snapshot. */
  adopt(found: ISnapshot): void {
    this._epoch = found.epoch;
    this._version = found.version;
    this._knowledge = found.knowledge;
    this._source = found.source;
    this._sessionJobId = found.session_job_id;
    this._ahead = found.ahead;
    this._jobs = found.jobs && new Map(found.jobs.map(job => [job.id, job]));
  }

  /**
   * Take a delta. One that does not begin at our version, or is of another run of the server, means that something was
   * missed, unless it is old: only a snapshot helps then.
   */
  apply(delta: IDelta): 'same' | 'changed' | 'missed' {
    if (delta.epoch !== this._epoch || delta.after !== this._version) {
      this._newest = delta;
      return delta.epoch !== this._epoch || delta.version > this._version ? 'missed' : 'same';
    }
    if (delta.version === this._version) {
      return 'same';
    }
    this._version = delta.version;
    this._knowledge = delta.knowledge;
    this._ahead = delta.ahead;
    for (const { job_id, job } of delta.changes) {
      job ? this._jobs?.set(job_id, job) : this._jobs?.delete(job_id);
    }
    return 'changed';
  }

  /** Whether a delta that came while the snapshot was on its way is newer than the snapshot; says so once. */
  isBehind(): boolean {
    const newest = this._newest;
    this._newest = null;
    return newest !== null && newest.epoch === this._epoch && newest.version > this._version;
  }

  private _jobs: Map<string, IJob> | null = null;
  private _knowledge: IKnowledge | null = null;
  private _source: ISnapshot['source'] | null = null;
  private _sessionJobId = '';
  private _ahead: IAhead | null = null;
  private _epoch = '';
  private _version = -1;
  private _newest: IDelta | null = null;
}
