"""What a person may ask for under LGPD (Law 13.709/2018, art. 18): to see what is held about them, and to have it erased."""
