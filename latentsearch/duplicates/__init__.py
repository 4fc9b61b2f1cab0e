"""Pictures of an index that are copies of one another: proposed by fingerprint, judged by what their files hold."""
