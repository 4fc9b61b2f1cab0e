"""The experiment mnist."""
