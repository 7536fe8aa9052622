/** Something done again and again while the page is in sight, and at once when it comes back into sight. */

export class Beat {
  constructor(
    private readonly work: () => Promise<void>,
    private readonly milliseconds: number
  ) {
    document.addEventListener('visibilitychange', () => this.wake());
  }

  /** Do it now, unless the page is hidden or it is being done. */
  wake(): void {
    clearTimeout(this.timer);
    if (document.hidden || this.busy) {
      return;
    }
    this.busy = true;
    void this.work().finally(() => {
      this.busy = false;
      this.timer = setTimeout(() => this.wake(), this.milliseconds);
    });
  }

  private busy = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
}
