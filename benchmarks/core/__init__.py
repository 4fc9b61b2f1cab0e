"""What every experiment uses: metrics, exact search, timing, stored results, pages."""
