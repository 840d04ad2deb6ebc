"""Credit, markets, fraud, news and filings: a plugin of duomo."""
